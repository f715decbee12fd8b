-- One report of an upload for each peer, in the form that it takes; each one is different.
local count, form = 0, "prometheus"
local agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
  .. "Chrome/126.0.0.0 Safari/537.36"

wrk.method = "POST"
wrk.headers["User-Agent"] = agent
wrk.headers["Accept"] = "*/*"
wrk.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"
wrk.headers["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8"
wrk.headers["Referer"] = "https://video.example.com/upload"
wrk.headers["Sec-Fetch-Mode"] = "no-cors"

-- prometheus-pushgateway: the numbers of one page, which replace those that it sent before.
local exposition = '# TYPE upload_duration_seconds gauge\nupload_duration_seconds %g\n'
  .. '# TYPE upload_ttfb_seconds gauge\nupload_ttfb_seconds %g\n'
  .. '# TYPE upload_file_size_bytes gauge\nupload_file_size_bytes %d\n'
  .. '# TYPE upload_throughput_bytes_per_second gauge\nupload_throughput_bytes_per_second %d\n'
  .. '# TYPE upload_chunks gauge\nupload_chunks 8\n'
  .. '# TYPE upload_first_try_chunks gauge\nupload_first_try_chunks 7\n'
  .. '# TYPE upload_success gauge\nupload_success{device="desktop",browser="chrome",network="4g"} 1\n'

-- VictoriaMetrics: a point of InfluxDB's line protocol.
local line = 'upload_report,result=success,device=desktop,browser=chrome,os=windows,network=4g,'
  .. 'size_class=medium,region=europe,country=DE duration_seconds=%g,ttfb_seconds=%g,'
  .. 'file_size_bytes=%d,throughput_bytes_per_second=%d,chunks=8,first_try_chunks=7 %d%06d\n'

-- Faro: a measurement of a page.
local faro = '{"meta":{"sdk":{"name":"faro-web","version":"2.12.1"},"app":{"name":"video-web",'
  .. '"version":"1.4.0"},"browser":{"name":"Chrome","version":"126.0.0.0","os":"Windows 10",'
  .. '"mobile":false,"userAgent":"' .. agent .. '"},"page":{"url":"https://video.example.com/upload",'
  .. '"id":"p%d"},"session":{"id":"s%d"}},"measurements":[{"type":"upload","values":{'
  .. '"duration":%d,"ttfb":%d,"file_size":%d,"throughput":%d,"chunks":8,"first_try_chunks":7},'
  .. '"timestamp":"2026-11-21T02:34:58.380Z","context":{"network":"4g","success":"true"}}]}'

local forms = {
  pushgateway = function(n)
    return wrk.format(nil, "/metrics/job/upload/instance/" .. count % 1000, nil, string.format(
      exposition, (4000 + n * 37) / 1000, (80 + n % 400) / 1000, 1000000 + n * 90000,
      400000 + n * 1300))
  end,
  line = function(n)
    return wrk.format(nil, "/api/v2/write", nil, string.format(
      line, (4000 + n * 37) / 1000, (80 + n % 400) / 1000, 1000000 + n * 90000,
      400000 + n * 1300, math.floor(1700000000000 + count / 1000000), count % 1000000))
  end,
  faro = function(n)
    return wrk.format(nil, "/collect", nil, string.format(
      faro, count, count, 4000 + n * 37, 80 + n % 400, 1000000 + n * 90000, 400000 + n * 1300))
  end,
}

function init(args)
  count = math.floor(tonumber(args[1]) or 0)
  form = args[2]
  wrk.headers["Content-Type"] = form == "faro" and "application/json" or "text/plain"
end

function request()
  count = count + 1
  return forms[form](count % 1000)
end

function done(summary, latency, requests)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.status + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d\n", summary.requests, summary.duration, bad))
end
