// What a page with a player does in a test, and what its <video> element says meanwhile.

const video = document.querySelector("video");
const { scenario, release, source } = JSON.parse(document.querySelector("#play").textContent);

const seen = [];
const now = () => performance.timeOrigin + performance.now();

for (const name of [
  "loadstart",
  "play",
  "playing",
  "waiting",
  "pause",
  "seeking",
  "seeked",
  "ended",
  "error",
]) {
  video.addEventListener(name, () => seen.push({ name, at: now(), position: video.currentTime }));
}

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
const next = (name) =>
  new Promise((resolve) => video.addEventListener(name, resolve, { once: true }));

async function reached(position) {
  while (video.currentTime < position) await sleep(0.02);
}

const manifest = () =>
  performance.getEntriesByType("resource").find((entry) => entry.name.startsWith(source));

async function begun() {
  while (!manifest()) await sleep(0.02);
}

const scenarios = {
  // The second segment comes five seconds after it was missed.
  async whole() {
    await next("playing");
    await next("waiting");
    await sleep(5);
    await fetch(release, { method: "POST" });
    await next("ended");
    await sleep(3);
  },
  async unplayable() {
    await begun();
    await sleep(3);
  },
  async left() {
    await begun();
    await sleep(12);
  },
  async sought() {
    await reached(2);
    video.currentTime = 13;
    await next("seeking");
    await next("playing");
    await sleep(2);
  },
  async paused() {
    await reached(2);
    video.pause();
    await sleep(4);
    await video.play();
    await reached(6);
  },
  async stormy() {
    await next("ended");
    await sleep(3);
  },
  async refused() {
    await reached(6);
  },
};

// A player has begun by the time when it is asked for and what it plays is on the way.
function asked() {
  const latest = Math.max(window.returned, manifest().startTime);
  return [window.called, latest].map((moment) => performance.timeOrigin + moment);
}

// As if the person had pressed play before the page set up its player, which it does next.
video.autoplay = true;
window.finished = scenarios[scenario]().then(() => ({ asked: asked(), left: now(), events: seen }));
