"use strict";
// The page runs in a frame that can neither open nor load anything. It asks for the code
// once it stands, and gets with it the part of the address behind #, which it cannot see.
const whole = new Promise((resolve) => addEventListener("DOMContentLoaded", resolve));
const frame = () => document.querySelector("iframe").contentWindow;
const address = () => ({ hash: location.hash, base: location.href.split("#")[0] });
addEventListener("message", async (e) => {
  if (e.source !== frame() || e.data !== "ready") return;
  await whole;
  frame().postMessage({ wasm: document.getElementById("wasm").textContent, ...address() }, "*");
});
addEventListener("hashchange", () => frame().postMessage(address(), "*"));
