// SPDX-License-Identifier: MIT
import { O_RDONLY, O_RDWR, OwnedFd } from "./fd.ts";
import { EBUSY, isErrno } from "../libc/errno.ts";
import { check, lazyLibc } from "../libc/libc.ts";

const libc = lazyLibc({
  ioctl: {
    parameters: [/* int fd */ "i32", /* unsigned long op */ "u32", /* void *arg */ "buffer"],
    result: "i32",
  },
});

// include/uapi/linux/loop.h. LOOP_CONFIGURE is there since Linux 5.8.
const LOOP_CONFIGURE = 0x4c0a, LOOP_CTL_GET_FREE = 0x4c82;
const LO_FLAGS_READ_ONLY = 1, LO_FLAGS_AUTOCLEAR = 4;
// struct loop_config: an fd, a block size, struct loop_info64 with its flags at 52, room for more.
const CONFIG_SIZE = 304, FLAGS_AT = 8 + 52;

/** How often another process may be quicker to take the device that was free. */
const MOST_TRIES = 100;

/** A loop device. It is freed when this is disposed of and it is not mounted, or not any more. */
export interface LoopDevice extends Disposable {
  readonly path: string;
}

/**
 * Makes a file a block device (loop(4)), so that the file system in it can be mounted.
 *
 * @throws LinuxError
 */
export function attachLoopDevice(file: string, readOnly: boolean): LoopDevice {
  const access = readOnly ? O_RDONLY : O_RDWR;
  using backing = OwnedFd.open(file, access);
  using control = OwnedFd.open("/dev/loop-control", O_RDWR);
  const config = new Uint8Array(CONFIG_SIZE);
  const view = new DataView(config.buffer);
  view.setUint32(0, backing.fd, true);
  view.setUint32(FLAGS_AT, LO_FLAGS_AUTOCLEAR | (readOnly ? LO_FLAGS_READ_ONLY : 0), true);
  for (let tries = 1;; tries++) {
    const getFree = () => libc().ioctl(control.fd, LOOP_CTL_GET_FREE, null);
    const path = `/dev/loop${check(getFree, "ioctl", "LOOP_CTL_GET_FREE")}`;
    const device = OwnedFd.open(path, access);
    try {
      check(() => libc().ioctl(device.fd, LOOP_CONFIGURE, config), "ioctl", `${file} as ${path}`);
      return { path, [Symbol.dispose]: () => device[Symbol.dispose]() };
    } catch (error) {
      device[Symbol.dispose]();
      if (!isErrno(error, EBUSY) || tries === MOST_TRIES) throw error;
    }
  }
}
