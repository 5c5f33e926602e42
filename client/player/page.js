// This script fills the page with the session that the exporter put into it. The strings come from
// users and targets, so they reach the page as text nodes only, never as HTML.
(() => {
  "use strict";
  const element = (id) => document.getElementById(id);
  const header = JSON.parse(element("header").textContent);

  // bytesAsText returns the UTF-8 text whose base64 the element holds.
  const bytesAsText = (id) => {
    const bytes = atob(element(id).textContent);
    const octets = new Uint8Array(bytes.length);
    for (let i = 0; i < bytes.length; ++i) octets[i] = bytes.charCodeAt(i);
    return new TextDecoder().decode(octets);
  };

  // clock returns seconds as h:mm:ss.
  const clock = (seconds) => {
    const whole = Math.floor(seconds);
    const two = (number) => String(number).padStart(2, "0");
    return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  };

  const withText = (tag, text) => {
    const node = document.createElement(tag);
    node.textContent = text;
    return node;
  };

  // The position in #t=SECONDS of the address, so that a report can name a moment of the session.
  const wanted = Number(new URLSearchParams(location.hash.slice(1)).get("t"));
  const cast = bytesAsText("cast");
  let player = null;
  let playing = false;
  let position = wanted > 0 ? wanted : 0;

  const showPosition = () => {
    if (player) position = player.getCurrentTime() || 0;
    element("position").textContent = `Position ${clock(position)}`;
  };

  const setPlaying = (now) => {
    playing = now;
    element("play").textContent = now ? "Pause" : "Play";
  };

  // start makes a player at `from` seconds. The player cannot change its speed, so that another
  // speed needs another player.
  const start = (from, playAtOnce) => {
    if (player) player.dispose();
    setPlaying(false);
    position = from;
    player = AsciinemaPlayer.create({ data: cast, parser: "asciicast" }, element("player"), {
      preload: true, autoPlay: playAtOnce, startAt: from, poster: `npt:${from}`, fit: "width",
      speed: Number(element("speed").value), terminalFontSize: "15px", cursorMode: "steady",
    });
    player.addEventListener("playing", () => setPlaying(true));
    player.addEventListener("pause", () => setPlaying(false));
    player.addEventListener("ended", () => setPlaying(false));
  };

  const showAt = (seconds) => {
    start(seconds, false);
    showPosition();
    element("screen").scrollIntoView();
  };

  const fillFacts = () => {
    document.title = `Recorded session: ${header.title}`;
    element("title").textContent = `Recorded session: ${header.title}`;
    for (const [name, value] of header.facts) {
      element("facts").append(withText("dt", name), withText("dd", value));
    }
  };

  const fillEvents = () => {
    for (const event of header.events) {
      const row = document.createElement("tr");
      const go = withText("button", clock(event.seconds));
      go.type = "button";
      go.addEventListener("click", () => showAt(event.seconds));
      const time = document.createElement("td");
      time.append(go);
      row.append(time, withText("td", event.text));
      element("event-rows").append(row);
    }
  };

  fillFacts();
  fillEvents();
  element("transcript").textContent = bytesAsText("plain") || "Nothing was shown on a screen.";
  try {
    start(position, false);
    element("play").disabled = false;
  } catch (error) {
    element("fault").textContent = `The player could not start in this browser: ${error.message}`;
  }
  element("play").addEventListener("click", () => (playing ? player.pause() : player.play()));
  element("speed").addEventListener("change", () => {
    showPosition();
    start(position, playing);
  });
  showPosition();
  setInterval(showPosition, 250);
})();
