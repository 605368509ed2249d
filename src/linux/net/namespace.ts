// SPDX-License-Identifier: MIT
// Makes, pins and enters network namespaces.
import { fdPath, O_PATH, O_RDONLY, OwnedFd } from "../fd/fd.ts";
import { EINVAL, LinuxError } from "../libc/errno.ts";
import { check, cstring, lazyLibc, retry } from "../libc/libc.ts";
import { mount } from "../mount/mount.ts";
import { ifreqOf, requestInterface } from "./ifreq.ts";

const libc = lazyLibc({
  unshare: { parameters: [/* int flags */ "i32"], result: "i32" },
  setns: { parameters: [/* int fd */ "i32", /* int nstype */ "i32"], result: "i32" },
  socket: {
    parameters: [/* int domain */ "i32", /* int type */ "i32", /* int protocol */ "i32"],
    result: "i32",
  },
  statfs: {
    parameters: [/* const char *path */ "buffer", /* struct statfs *buf */ "buffer"],
    result: "i32",
  },
});

// include/uapi/linux/sched.h
const CLONE_NEWNET = 0x4000_0000;
// include/linux/socket.h, include/linux/net.h
/** The family of IPv4. */
export const AF_INET = 2;
/** The family of IPv6. */
export const AF_INET6 = 10;
const SOCK_DGRAM = 2, SOCK_CLOEXEC = 0o2000000;
// include/uapi/linux/if.h
const IFF_UP = 1, IFR_FLAGS = 16;

// include/uapi/linux/magic.h; struct statfs begins with f_type, its size is that of 64 bits.
const NSFS_MAGIC = 0x6e73_6673n, STATFS_SIZE = 120;

/** Path of the network namespace of the thread that runs JavaScript. */
const OWN = "/proc/thread-self/ns/net";

/**
 * Makes a network namespace with its loopback up, and pins it at `path`, which is made: it lives until
 * {@linkcode unmount} of that path, whichever process dies before.
 *
 * @throws {LinuxError} EPERM without CAP_SYS_ADMIN; ENOSPC if there are too many namespaces.
 */
export function pinNewNamespace(path: string): void {
  Deno.writeTextFileSync(path, "", { mode: 0o600 });
  using stack = new DisposableStack();
  const [made, socket] = elsewhere(() => {
    check(() => libc().unshare(CLONE_NEWNET), "unshare", "network");
    return [stack.use(OwnedFd.open(OWN, O_RDONLY)), stack.use(openIoctlSocket())];
  });
  setLoUp(socket.fd);
  mount({ type: "bind", source: fdPath(made.fd), target: path });
}

/**
 * Sets the loopback interface up of the network namespace that `path` leads to. The kernel makes it
 * down, and an OCI runtime raises it only in a namespace that it makes itself.
 *
 * @throws {LinuxError} ENOENT if there is nothing; EINVAL if it is no network namespace; EPERM.
 */
export function setLoopbackUp(path: string): void {
  using socket = inNamespace(path, () => openIoctlSocket());
  setLoUp(socket.fd);
}

/**
 * Runs `work` in the network namespace that `path` leads to. `work` must be short and synchronous, and
 * must not start a thread or a process: those would stay there.
 *
 * @throws {LinuxError} as {@linkcode setLoopbackUp}, and whatever `work` throws.
 */
export function inNamespace<T>(path: string, work: () => T): T {
  using namespace = openNamespace(path);
  return elsewhere(() => {
    check(() => libc().setns(namespace.fd, CLONE_NEWNET), "setns", path);
    return work();
  });
}

/**
 * Opens what is a namespace, and nothing else: to open a FIFO would stop this process until another
 * writes into it, and to open a device may do anything.
 */
function openNamespace(path: string): OwnedFd {
  using found = OwnedFd.open(path, O_PATH);
  const target = fdPath(found.fd);
  const statfs = new BigUint64Array(STATFS_SIZE / 8);
  retry(() => libc().statfs(cstring(target), new Uint8Array(statfs.buffer)), "statfs", path);
  if (statfs[0] !== NSFS_MAGIC) throw new LinuxError(EINVAL, "setns", path);
  return OwnedFd.open(target, O_RDONLY);
}

/** Opens a socket for netdevice(7). It keeps to the namespace that it was made in. */
export function openIoctlSocket(family = AF_INET): OwnedFd {
  return new OwnedFd(
    check(() => libc().socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket", `family ${family}`),
  );
}

/** netdevice(7): sets IFF_UP of `lo` in the namespace of a socket. */
function setLoUp(socket: number): void {
  const ifreq = ifreqOf("lo");
  requestInterface(socket, "SIOCGIFFLAGS", ifreq);
  const flags = new DataView(ifreq.buffer);
  const now = flags.getInt16(IFR_FLAGS, true);
  if ((now & IFF_UP) !== 0) return;
  flags.setInt16(IFR_FLAGS, now | IFF_UP, true);
  requestInterface(socket, "SIOCSIFFLAGS", ifreq);
}

/**
 * Runs `work`, which may change the network namespace of this thread, and returns to the own one.
 * unshare(2) and setns(2) change the calling thread alone. `work` must be short and synchronous, and
 * must not start a thread or a process: those would stay in the other namespace.
 */
function elsewhere<T>(work: () => T): T {
  using own = OwnedFd.open(OWN, O_RDONLY);
  try {
    return work();
  } finally {
    if (libc().setns(own.fd, CLONE_NEWNET) === -1) {
      // It cannot fail in a process that was allowed to leave. Whatever is done from here on would
      // go astray.
      console.error("berth: cannot return to the network namespace that it has left");
      Deno.exit(70);
    }
  }
}
