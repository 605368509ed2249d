// SPDX-License-Identifier: MIT

const QUALITIES =
  "able amber bold brave brisk calm clear cosy deft dry eager early fair fast firm fond free fresh glad gold good grand green grey happy hardy keen kind late light lone loud lucky mild neat new nimble noble old pale plain proud quick quiet rapid red ripe round royal sharp shy silver slim small smart soft solid stout sunny swift tall tidy trim true warm wide wild wise young"
    .split(" ");
const VESSELS =
  "anchor bark barge beacon boat bollard bow brig buoy cable canoe capstan clipper cog compass cutter deck dhow dinghy dock dory ferry fleet galleon galley gig harbor helm hull jetty junk keel kayak ketch launch lugger mast mooring oar packet pier pilot pinnace port prow punt quay raft rudder sail schooner scow skiff sloop spar stern sternpost tender tiller trawler tug wharf wherry winch yacht yawl"
    .split(" ");

function pick(words: readonly string[]): string {
  // A slight bias of the modulus does not matter for names.
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return words[random % words.length] ?? "";
}

/**
 * Returns a short id that a person can read and type, such as `calm-ferry-7c3`; random, not
 * reserved.
 */
export function randomName(): string {
  const [random = 0] = crypto.getRandomValues(new Uint16Array(1));
  return `${pick(QUALITIES)}-${pick(VESSELS)}-${(random & 0xfff).toString(16).padStart(3, "0")}`;
}
