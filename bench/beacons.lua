-- Upload-performance beacons as a browser sends them; each one is different, so none is a repeat.
local count = 0
local body = '{"totalTime":%d,"ttfb":%d,"fileSize":%d,"throughput":%d,"chunkMetrics":{"totalChunks":8,'
  .. '"successfulFirstAttemptChunks":7,"chunkSuccessRate":0.875,"averageAttemptsPerChunk":1.125,'
  .. '"slowestChunkTime":2210.4,"fastestChunkTime":612.9,"averageChunkTime":1180.2},'
  .. '"marks":{"upload_start":1203.4,"first_byte":1421.9,"first_chunk":2100.1,"upload_end":10877.2},'
  .. '"networkInfo":{"effectiveType":"4g","downlink":8.4,"rtt":50,"saveData":false},'
  .. '"systemInfo":{"userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 '
  .. '(KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36","deviceMemory":8,'
  .. '"hardwareConcurrency":12,"platform":"Win32"},"success":true,"timestamp":%d%06d}'

wrk.method = "POST"
wrk.headers["Content-Type"] = "text/plain;charset=UTF-8"
wrk.headers["User-Agent"] = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
  .. "(KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
wrk.headers["Accept"] = "*/*"
wrk.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"
wrk.headers["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8"
wrk.headers["Cache-Control"] = "no-cache"
wrk.headers["Pragma"] = "no-cache"
wrk.headers["Referer"] = "https://video.example.com/upload"
wrk.headers["Sec-Ch-Ua"] = '"Chromium";v="126", "Google Chrome";v="126", "Not-A.Brand";v="99"'
wrk.headers["Sec-Ch-Ua-Mobile"] = "?0"
wrk.headers["Sec-Ch-Ua-Platform"] = '"Windows"'
wrk.headers["Sec-Fetch-Dest"] = "empty"
wrk.headers["Sec-Fetch-Mode"] = "no-cors"
wrk.headers["Sec-Fetch-Site"] = "cross-site"

function init(args)
  count = math.floor(tonumber(args[1]) or 0)
end

function request()
  count = count + 1
  local n = count % 1000
  return wrk.format(nil, "/api/analytics/upload-performance", nil, string.format(
    body, 4000 + n * 37, 80 + n % 400, 1000000 + n * 90000, 400000 + n * 1300,
    math.floor(count / 1000000), count % 1000000))
end

function done(summary, latency, requests)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.status + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d\n", summary.requests, summary.duration, bad))
end
