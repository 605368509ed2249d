// SPDX-License-Identifier: MIT
import { EINVAL, LinuxError } from "../libc/errno.ts";
import { dup, O_RDONLY, O_WRONLY, OwnedFd } from "../fd/fd.ts";
import { cstring, cstringArray, lazyLibc } from "../libc/libc.ts";
import { borrowFileLimit } from "./file_limit.ts";
import { borrowOomScoreAdj } from "./oom_score.ts";

// posix_spawn(3) and its helpers give the error number itself, not -1 and errno.
const libc = lazyLibc({
  posix_spawnp: {
    parameters: [
      /* pid_t *pid */ "buffer",
      /* const char *file */ "buffer",
      /* const posix_spawn_file_actions_t *file_actions */ "buffer",
      /* const posix_spawnattr_t *attrp */ "buffer",
      /* char *const argv[] */ "buffer",
      /* char *const envp[] */ "buffer",
    ],
    result: "i32",
  },
  posix_spawn_file_actions_init: {
    parameters: [/* posix_spawn_file_actions_t *actions */ "buffer"],
    result: "i32",
  },
  posix_spawn_file_actions_destroy: {
    parameters: [/* posix_spawn_file_actions_t *actions */ "buffer"],
    result: "i32",
  },
  posix_spawn_file_actions_addopen: {
    parameters: [
      /* posix_spawn_file_actions_t *actions */ "buffer",
      /* int fildes */ "i32",
      /* const char *path */ "buffer",
      /* int oflag */ "i32",
      /* mode_t mode */ "u32",
    ],
    result: "i32",
  },
  posix_spawn_file_actions_adddup2: {
    parameters: [
      /* posix_spawn_file_actions_t *actions */ "buffer",
      /* int fildes */ "i32",
      /* int newfildes */ "i32",
    ],
    result: "i32",
  },
  posix_spawnattr_init: { parameters: [/* posix_spawnattr_t *attr */ "buffer"], result: "i32" },
  posix_spawnattr_setflags: {
    parameters: [/* posix_spawnattr_t *attr */ "buffer", /* short flags */ "i16"],
    result: "i32",
  },
  posix_spawnattr_setsigdefault: {
    parameters: [/* posix_spawnattr_t *attr */ "buffer", /* const sigset_t *set */ "buffer"],
    result: "i32",
  },
});

const chdirLibc = lazyLibc({
  posix_spawn_file_actions_addchdir_np: {
    parameters: [
      /* posix_spawn_file_actions_t *actions */ "buffer",
      /* const char *path */ "buffer",
    ],
    result: "i32",
  },
});

// glibc: 80, 336 and 128 bytes on x86_64 and arm64; room is left over.
const FILE_ACTIONS_SIZE = 128, ATTR_SIZE = 512, SIGSET_SIZE = 128;
// glibc's spawn.h
const POSIX_SPAWN_SETPGROUP = 0x02, POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08, POSIX_SPAWN_SETSID = 0x80;

/** How a child is started. */
export interface SpawnOptions {
  /** The fd that becomes fd 0, whatever its number and flags; /dev/null when left out. */
  readonly stdin?: number | undefined;
  /** The fd that becomes fd 1; /dev/null when left out. */
  readonly stdout?: number | undefined;
  /** The fd that becomes fd 2; /dev/null when left out. */
  readonly stderr?: number | undefined;
  /** The fds that become fds 3, 4, …; when left out the process has none above 2. */
  readonly fds?: readonly number[];
  /** Where it starts; a relative program path counts from there. */
  readonly cwd?: string;
  /** Its whole environment; this process's own when left out. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it leads a session of its own, so that signals to this one's terminal spare it. */
  readonly setsid?: boolean;
  /** Whether it leads a process group of its own, which can be killed as a whole. */
  readonly ownGroup?: boolean;
  /** Its OOM score (see {@linkcode borrowOomScoreAdj}); this process's own when left out. */
  readonly oomScoreAdj?: number;
  /** Its soft limit of open files; this process's own when left out. */
  readonly fileLimit?: bigint | undefined;
}

/**
 * Starts `argv[0]`, looked up in this process's PATH unless it has a slash, by posix_spawn(3): no
 * fork of the heap, and the error of exec comes back here. The child has default signal
 * handling and an empty mask (Deno ignores SIGPIPE, which would be inherited), and the given fds only:
 * every other one must be CLOEXEC, as those of `fd.ts` and Deno are (see `closeOnExecAll`).
 *
 * @returns its pid; the caller has to reap it
 * @throws LinuxError ENOENT when there is no such program or cwd, EACCES, E2BIG, EAGAIN, …
 */
export function spawnProcess(argv: readonly string[], options: SpawnOptions = {}): number {
  const [program] = argv;
  const what = options.cwd === undefined ? program ?? "" : `${program} in ${options.cwd}`;
  if (program === undefined) throw new LinuxError(EINVAL, "posix_spawn", "without a program");
  const checkSpawn = (error: number) => {
    if (error !== 0) throw new LinuxError(error, "posix_spawn", what);
  };

  // Every buffer stays referenced by this frame until the call below has returned.
  const file = cstring(program);
  const args = cstringArray(argv);
  const env = options.env ?? Deno.env.toObject();
  const environment = cstringArray(Object.entries(env).map(([name, value]) => `${name}=${value}`));
  const attributes = new Uint8Array(ATTR_SIZE);
  checkSpawn(libc().posix_spawnattr_init(attributes));
  // All of them, 32 and 33 too: those are glibc's own, which it would otherwise leave ignored.
  const everySignal = new Uint8Array(SIGSET_SIZE).fill(0xff, 0, 8);
  checkSpawn(libc().posix_spawnattr_setsigdefault(attributes, everySignal));
  // The mask that SETSIGMASK sets is the empty one that init left, and the group 0, its own.
  const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
    (options.setsid === true ? POSIX_SPAWN_SETSID : 0) |
    (options.ownGroup === true ? POSIX_SPAWN_SETPGROUP : 0);
  checkSpawn(libc().posix_spawnattr_setflags(attributes, flags));

  using copies = new DisposableStack();
  const actions = new Uint8Array(FILE_ACTIONS_SIZE);
  checkSpawn(libc().posix_spawn_file_actions_init(actions));
  copies.defer(() => libc().posix_spawn_file_actions_destroy(actions));
  [options.stdin, options.stdout, options.stderr].forEach((fd, target) => {
    if (fd === undefined) {
      const mode = target === 0 ? O_RDONLY : O_WRONLY;
      checkSpawn(
        libc().posix_spawn_file_actions_addopen(actions, target, cstring("/dev/null"), mode, 0),
      );
      return;
    }
    // A source among 0 to 2 may have been replaced by the time its turn comes. One that equals its
    // target has not, and adddup2 then clears its CLOEXEC (glibc since 2.29).
    const source = fd > 2 || fd === target ? fd : copies.use(new OwnedFd(dup(fd))).fd;
    checkSpawn(libc().posix_spawn_file_actions_adddup2(actions, source, target));
  });
  const fds = options.fds ?? [];
  for (const [index, fd] of fds.entries()) {
    // Beyond all targets, none of which may be replaced before its turn comes.
    const { fd: source } = copies.use(new OwnedFd(dup(fd, 3 + fds.length)));
    checkSpawn(libc().posix_spawn_file_actions_adddup2(actions, source, 3 + index));
  }
  if (options.cwd !== undefined) {
    checkSpawn(
      chdirLibc().posix_spawn_file_actions_addchdir_np(actions, cstring(options.cwd)),
    );
  }

  // Nothing of posix_spawn(3) sets these two.
  using _score = options.oomScoreAdj === undefined
    ? undefined
    : borrowOomScoreAdj(options.oomScoreAdj);
  using _limit = options.fileLimit === undefined ? undefined : borrowFileLimit(options.fileLimit);
  const pid = new Int32Array(1);
  checkSpawn(
    libc().posix_spawnp(new Uint8Array(pid.buffer), file, actions, attributes, args, environment),
  );
  return pid[0] ?? 0;
}
