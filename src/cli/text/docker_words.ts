// SPDX-License-Identifier: MIT
import type { Command } from "commander";

const BUILD =
  "berth builds no images: build with another tool, and berth load or berth pull the result";
const NETWORK = "a network is a file of /etc/cni/net.d: see docs/networks.md";
const ONE_MACHINE = "berth knows this machine alone";
const LOGIN = "skopeo login and skopeo logout do that: berth uses their file";
const SEVERAL = "a shell script or systemd units run several containers: see docs/services.md";
const CONTENT = "berth has no such command; berth cp ID:PATH - writes a tar archive of files";

/** Advice for each command of docker's that berth has not. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ["build", BUILD],
  ["builder", BUILD],
  ["buildx", BUILD],
  ["commit", BUILD],
  ["compose", SEVERAL],
  ["stack", SEVERAL],
  ["context", "--socket or BERTH_SOCKET says which daemon to talk to"],
  ["diff", CONTENT],
  ["export", CONTENT],
  [
    "history",
    "berth image inspect -f '{{json .config.history}}' IMAGE shows the history of an image",
  ],
  ["login", LOGIN],
  ["logout", LOGIN],
  ["push", "berth pushes no images: skopeo copy docker-archive:FILE docker://NAME does"],
  [
    "save",
    "berth saves no images: skopeo copy docker://NAME docker-archive:FILE:NAME does, of a registry",
  ],
  [
    "search",
    "a registry's own page searches; skopeo list-tags docker://NAME lists the tags of a name",
  ],
  ["tag", "an image has the names by which it was pulled, loaded or imported, and gets no others"],
  [
    "system",
    "see berth info; berth prune; berth image prune; berth events; berth images shows sizes",
  ],
  [
    "volume",
    "there are no named volumes: give -v a directory of the host, or -v /PATH for a new one",
  ],
  ["manifest", "berth has no such command; skopeo inspect --raw docker://NAME shows a manifest"],
  ["plugin", "berth has no plugins but those of CNI: see docs/networks.md"],
  ["node", ONE_MACHINE],
  ["secret", ONE_MACHINE],
  ["service", ONE_MACHINE],
  ["swarm", ONE_MACHINE],
  ["container ls", "the verbs of containers stand alone: berth ps"],
  ["container list", "the verbs of containers stand alone: berth ps"],
  ["container ps", "the verbs of containers stand alone: berth ps"],
  ["network create", NETWORK],
  ["network rm", NETWORK],
  ["network remove", NETWORK],
  ["network prune", NETWORK],
  ["network inspect", "a network is a file of /etc/cni/net.d; berth network ls --json shows them"],
  ["network connect", "a container has the networks that --network names when it is made"],
  ["network disconnect", "a container has the networks that --network names when it is made"],
]);

/**
 * Returns the message that is printed in place of commander's for an unknown command. It names what berth
 * has in place of a command of docker's, and leaves out a guess that misleads. Any other message is
 * returned as it is.
 *
 * @param command The one whose verb is not known.
 */
export function explainUnknown(command: Command, text: string): string {
  const [, start, name = "", guess = ""] =
    /^(.*unknown command '(.+)')\n\(Did you mean (.*)\?\)\n$/s.exec(text) ??
      /^(.*unknown command '(.+)')\n$/s.exec(text) ?? [];
  if (start === undefined) return text;
  const { parent } = command;
  const instead = parent === null
    ? INSTEAD.get(name)
    : INSTEAD.get(`${command.name()} ${name}`) ?? aloneOf(parent, command, name) ??
      INSTEAD.get(name);
  if (instead !== undefined) return `${start}: ${instead}\n`;
  // A guess that begins with another letter corrects no slip of a finger.
  return guess === "" || guess.startsWith(name.charAt(0)) || guess.includes(",")
    ? text
    : `${start}\n`;
}

/** Returns that a verb of containers stands alone, where there is such a one. */
function aloneOf(program: Command, command: Command, name: string): string | undefined {
  const isVerb = program.commands.some((verb) => [verb.name(), ...verb.aliases()].includes(name));
  if (command.name() !== "container" || !isVerb) return undefined;
  return `the verbs of containers stand alone: berth ${name}`;
}
