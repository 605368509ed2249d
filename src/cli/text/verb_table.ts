// SPDX-License-Identifier: MIT
// The verbs of `berth`, as the help shows them, which so needs none of them loaded.

const COMMON = {
  run: { folder: "run", summary: "Create a container and start it" },
  ps: { folder: "inspect", summary: "List containers, or the processes in one" },
  logs: { folder: "inspect", summary: "Print what containers have written" },
  exec: { folder: "run", summary: "Run another process in a running container" },
  start: { folder: "lifecycle", summary: "Start containers that are created or stopped" },
  stop: { folder: "lifecycle", summary: "Ask containers to end, then kill them" },
  kill: { folder: "lifecycle", summary: "Send a signal to containers" },
  rm: { folder: "lifecycle", summary: "Remove containers that have exited, with their logs" },
  inspect: { folder: "inspect", summary: "Print the full state of containers as JSON" },
  stats: { folder: "inspect", summary: "Show the resource usage of containers, live" },
} as const;

const CONTAINERS = {
  create: { folder: "run", summary: "Create a container without starting it" },
  attach: { folder: "run", summary: "Attach standard input and output to a running container" },
  cp: { folder: "run", summary: "Copy files between a container and the host" },
  wait: {
    folder: "lifecycle",
    summary: "Wait for containers to exit and print their exit statuses",
  },
  restart: {
    folder: "lifecycle",
    summary: "Stop containers, if they are running, and start them again",
  },
  rename: { folder: "lifecycle", summary: "Give a stopped container another id" },
  pause: { folder: "lifecycle", summary: "Freeze every process of a container" },
  resume: { folder: "lifecycle", summary: "Resume every process of a paused container" },
  update: { folder: "lifecycle", summary: "Change limits of containers, or their restart policy" },
  checkpoint: {
    folder: "lifecycle",
    summary: "Write a running container's state to disk with CRIU",
  },
  restore: { folder: "lifecycle", summary: "Create a container from a checkpoint and resume it" },
  container: { folder: "lifecycle", summary: "Remove all containers that have exited" },
} as const;

const IMAGES = {
  pull: { folder: "image", summary: "Pull images" },
  images: { folder: "image", summary: "List images" },
  rmi: { folder: "image", summary: "Remove names of images, and images that no container uses" },
  load: { folder: "image", summary: "Load images from an archive of docker save or podman save" },
  import: { folder: "image", summary: "Make an image from a tar archive of a root filesystem" },
  image: { folder: "image", summary: "Manage images" },
} as const;

const NETWORKS = {
  port: { folder: "network", summary: "List the ports of the host that lead to a container" },
  network: { folder: "network", summary: "Show networks" },
} as const;

const INSPECT = {
  top: { folder: "inspect", summary: "Watch what containers use, or list the processes in one" },
  events: { folder: "inspect", summary: "Print events as they happen" },
} as const;

const BERTH = {
  daemon: { folder: "manage", summary: 'Run the daemon (see "berth daemon --help")' },
  config: {
    folder: "manage",
    summary: "Print the configuration that the daemon would use, as TOML",
  },
  shutdown: {
    folder: "manage",
    summary: "Stop every container and its shim, as before a reboot",
  },
  install: { folder: "manage", summary: "Put files in place for shells and for containerd" },
  info: { folder: "manage", summary: "Show what the daemon is, its containers and its host" },
  prune: { folder: "manage", summary: "Remove logs and files of containers that are gone" },
  version: { folder: "manage", summary: "Print the versions of berth and of the daemon" },
  call: { folder: "manage", summary: "Call a method of the daemon and print its result as JSON" },
  shim: { folder: "manage", summary: "Call a method of a container's shim, without the daemon" },
  completion: { folder: "manage", summary: "Print a completion script for bash, zsh or fish" },
  man: { folder: "manage", summary: "Print the man page of berth or of a command" },
  help: { folder: "manage", summary: "Show the help of berth or of a command" },
} as const;

/** Every verb: the folder of `src/cli` that has it, and what it does. */
export const VERBS = {
  ...COMMON,
  ...CONTAINERS,
  ...IMAGES,
  ...NETWORKS,
  ...INSPECT,
  ...BERTH,
} as const;

/** A folder that has verbs. */
export type VerbFolder = (typeof VERBS)[keyof typeof VERBS]["folder"];

/** The names of the verbs that a folder has. */
export type VerbOf<F extends VerbFolder> = {
  [N in keyof typeof VERBS]: (typeof VERBS)[N]["folder"] extends F ? N : never;
}[keyof typeof VERBS];

/** The verbs by the heading of their group, in the order in which help shows both. */
export const VERB_GROUPS: Readonly<
  Record<
    string,
    Readonly<Record<string, { readonly folder: VerbFolder; readonly summary: string }>>
  >
> = {
  "Common commands:": COMMON,
  "Manage containers:": CONTAINERS,
  "Images:": IMAGES,
  "Networks:": NETWORKS,
  "Inspect containers:": INSPECT,
  "Manage berth:": BERTH,
};
