"use strict";
// What the policy cannot forbid is taken away before anything else runs.
for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "RTCDataChannel", "RTCIceTransport", "WebTransport", "WebSocketStream", "Worker", "SharedWorker", "open", "fetchLater"]) {
  for (const owner of [globalThis, Window.prototype]) Reflect.deleteProperty(owner, name);
}
