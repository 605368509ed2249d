// SPDX-License-Identifier: MIT
import { exists } from "../../src/linux/fs/exists.ts";
import { findCommand } from "../system_packages.ts";
import { run } from "./command.ts";
import { buildUmlKernel, UML_SOURCE } from "./uml_kernel.ts";

/** The address of a machine of User-mode Linux, of those for documentation, and its host's. */
export const UML_ADDRESS = "198.51.100.2";
export const UML_HOST_ADDRESS = "198.51.100.1";

/** A Debian as it is in a machine: systemd is PID 1, and cgroup v2 the only hierarchy. */
interface Guest {
  /** Packages beside {@linkcode PACKAGES}. */
  readonly packages: readonly string[];
  /** The device with the root filesystem. */
  readonly disk: string;
  /** What systemd-networkd does with the network device. */
  readonly network: string;
}

/** The release of Debian. */
const SUITE = "trixie";

/** What QEMU boots: Debian with its own kernel. */
const STOCK: Guest = {
  packages: ["linux-image-amd64", "criu"],
  disk: "/dev/vda",
  network: "[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n",
};

/**
 * What User-mode Linux boots: the same Debian, and its source of a newer kernel. CRIU, which takes
 * that kernel for one that will do, cannot ask it for the thread area of a process.
 */
const USER_MODE: Guest = {
  packages: [UML_SOURCE],
  disk: "/dev/ubda",
  network: `[Match]\nName=vec0\n[Network]\nAddress=${UML_ADDRESS}/30\n`,
};

/** What the tests use in the machine, and what makes it one. */
const PACKAGES = [
  ...["systemd", "systemd-sysv", "dbus", "udev", "kmod", "iproute2", "openssh-server"],
  ...["ca-certificates", "runc", "crun", "iptables", "busybox-static", "socat"],
  ...["python3", "procps", "psmisc", "strace", "xz-utils", "git", "apparmor"],
  ...["skopeo", "containernetworking-plugins", "containerd", "docker.io", "docker-cli"],
  ...["catatonit", "docker-registry", "apache2-utils", "openssl", "fish", "zsh"],
  ...["nodejs", "npm", "binutils", "e2fsprogs", "curl", "openssh-client"],
];

/** Services of these packages, which tests start for themselves. */
const SERVICES = ["docker.service", "docker.socket", "containerd", "docker-registry"];

/** Where Deno and its cache lie in the machine. */
export const GUEST_DENO = "/opt/deno/deno";
export const GUEST_DENO_DIR = "/opt/deno/cache";

/** Size of the disk; it is a sparse file. */
const DISK_SIZE = "10G";

/** The files of an image in its directory. */
export interface Image {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The private key that logs in as root. */
  readonly key: string;
}

/** Returns the files of the image in `dir`, whether they are there or not. */
function imageIn(dir: string): Image {
  return {
    disk: `${dir}/base.img`,
    kernel: `${dir}/vmlinuz`,
    initrd: `${dir}/initrd.img`,
    key: `${dir}/key`,
  };
}

/** The mirror of Debian that this machine's own apt uses. */
async function mirror(): Promise<string> {
  const format = ["--format", "$(SITE)", "Created-By: Packages"];
  const sites = await run(["apt-get", "indextargets", ...format]);
  const [site] = sites.split("\n");
  if (site === undefined || site === "") {
    throw new Error("apt has no package lists: apt-get update");
  }
  return site;
}

/** Writes a file of the guest with its directory. */
async function write(path: string, text: string, mode = 0o644): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, text, { mode });
}

/** Installs the packages; a policy keeps them from starting services in the chroot. */
async function installPackages(root: string, packages: readonly string[]): Promise<void> {
  const policy = `${root}/usr/sbin/policy-rc.d`;
  await write(policy, "#!/bin/sh\nexit 101\n", 0o755);
  await Deno.copyFile("/etc/resolv.conf", `${root}/etc/resolv.conf`);
  await run(["mount", "-t", "proc", "proc", `${root}/proc`]);
  try {
    const apt = ["chroot", root, "apt-get", "-q"];
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    await run([...apt, "update"], { env });
    await run([...apt, "install", "-y", "--no-install-recommends", ...packages], { env });
    await run([...apt, "clean"], { env });
  } finally {
    await run(["umount", `${root}/proc`]);
  }
  await Deno.remove(policy);
}

/** Sets up name, network, login and disk, and puts in Deno with what it has cached. */
async function configure(root: string, key: string, guest: Guest): Promise<void> {
  await write(`${root}/etc/hostname`, "vm\n");
  await write(`${root}/etc/hosts`, "127.0.0.1 localhost vm\n::1 localhost\n");
  await write(`${root}/etc/fstab`, `${guest.disk} / ext4 defaults,noatime 0 1\n`);
  await write(`${root}/etc/systemd/network/e.network`, guest.network);
  await write(`${root}/etc/machine-id`, "");
  await Deno.mkdir(`${root}/var/log/journal`, { recursive: true });
  await Deno.mkdir(`${root}/root/.ssh`, { recursive: true, mode: 0o700 });
  await Deno.copyFile(`${key}.pub`, `${root}/root/.ssh/authorized_keys`);
  await run(["chroot", root, "systemctl", "enable", "systemd-networkd", "ssh"]);
  await run(["chroot", root, "systemctl", "disable", ...SERVICES]);

  const { denoDir }: { denoDir: string } = JSON.parse(
    await run([Deno.execPath(), "info", "--json"]),
  );
  await Deno.mkdir(`${root}${GUEST_DENO_DIR}`, { recursive: true });
  await Deno.copyFile(Deno.execPath(), `${root}${GUEST_DENO}`);
  await Deno.chmod(`${root}${GUEST_DENO}`, 0o755);
  for (const part of ["npm", "dl"]) {
    if (!exists(`${denoDir}/${part}`)) continue;
    await run(["cp", "-a", `${denoDir}/${part}`, `${root}${GUEST_DENO_DIR}/`]);
  }
}

/** Puts the kernel beside the image. One of User-mode Linux is built, unless it is there. */
async function takeKernel(root: string, guest: Guest, image: Image): Promise<void> {
  if (guest === USER_MODE) {
    const source = `${root}/usr/src/${UML_SOURCE}.tar.xz`;
    if (!exists(image.kernel)) await buildUmlKernel(source, image.kernel);
    await Deno.remove(source);
    return;
  }
  await Deno.copyFile(`${root}/vmlinuz`, image.kernel);
  await Deno.copyFile(`${root}/initrd.img`, image.initrd);
}

/**
 * Builds the image in `dir` from Debian's packages, unless it is there: some ten minutes and 2 GB.
 * It needs root, debootstrap, e2fsprogs, ssh-keygen and Debian's mirror, but no loop device.
 */
export async function ensureImage(dir: string, kind: "stock" | "uml"): Promise<Image> {
  const image = imageIn(dir);
  const guest = kind === "uml" ? USER_MODE : STOCK;
  if (exists(image.disk)) return image;
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  const root = `${dir}/root`;
  await run(["rm", "-rf", "--one-file-system", root]);
  const debootstrap = findCommand("debootstrap") ?? "debootstrap";
  const site = await mirror();
  await run([debootstrap, "--variant=minbase", SUITE, root, site]);
  const backports = `deb ${site} ${SUITE}-backports main\n`;
  await write(`${root}/etc/apt/sources.list.d/backports.list`, backports);
  await installPackages(root, [...PACKAGES, ...guest.packages]);
  if (!exists(image.key)) {
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", image.key]);
  }
  await configure(root, image.key, guest);
  await takeKernel(root, guest, image);
  // Under another name until it is whole: a build that was stopped leaves no image.
  const partial = `${image.disk}.partial`;
  await run(["rm", "-f", partial]);
  await run(["truncate", "-s", DISK_SIZE, partial]);
  await run(["mkfs.ext4", "-q", "-F", "-d", root, partial]);
  await Deno.rename(partial, image.disk);
  await run(["rm", "-rf", "--one-file-system", root]);
  return image;
}
