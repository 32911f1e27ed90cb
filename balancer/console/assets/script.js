// Follows the stream of a page and puts what is new into it. Elements stay what
// they are wherever they can, so that focus, selection and what was opened stay.
"use strict";
(() => {
  const main = document.getElementById("main");
  const connection = document.getElementById("connection");
  const pause = document.getElementById("pause");
  if (!main || !main.dataset.stream || !window.EventSource) return;
  const title = document.title;
  let source = null;
  let paused = false;
  let again = 0;

  const say = (state, text) => {
    connection.className = state;
    if (connection.textContent !== text) connection.textContent = text;
  };

  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName;

  function morph(from, to) {
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name)) from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
    children(from, to);
  }

  function children(from, to) {
    const next = [...to.childNodes];
    const now = [...from.childNodes];
    next.forEach((node, i) => {
      if (i >= now.length) from.append(document.importNode(node, true));
      else if (same(now[i], node)) morph(now[i], node);
      else now[i].replaceWith(document.importNode(node, true));
    });
    now.slice(next.length).forEach((node) => node.remove());
  }

  function show(message) {
    const { at, html } = JSON.parse(message.data);
    children(main, new DOMParser().parseFromString(html, "text/html").body);
    say("live", "live");
    connection.title = "as of " + at + " UTC";
    const headline = document.getElementById("headline");
    document.title = headline && !headline.classList.contains("good") ? headline.textContent.trim() + " · " + title : title;
  }

  function close() {
    clearTimeout(again);
    if (source) source.close();
    source = null;
  }

  function open() {
    close();
    if (paused || document.hidden) return;
    source = new EventSource(main.dataset.stream);
    source.addEventListener("body", show);
    source.addEventListener("gone", (message) => {
      close();
      say("lost", JSON.parse(message.data));
    });
    source.onerror = () => {
      say("lost", "connecting …");
      if (source && source.readyState === EventSource.CLOSED) again = setTimeout(open, 5000);
    };
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume" : "Pause";
    if (paused) {
      close();
      say("paused", "paused");
    } else {
      open();
    }
  });
  document.addEventListener("visibilitychange", open);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
})();
