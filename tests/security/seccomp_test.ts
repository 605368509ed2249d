// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, rootfsArgs } from "../harness/cli.ts";
import { crun } from "../harness/runtime/crun.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { within } from "../harness/poll.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

/** A rootfs that shows the host's /usr, for its python3. */
function pythonRootfs(daemon: TestDaemon): string {
  const rootfs = `${daemon.dir}/python`;
  for (const name of ["usr", "proc", "dev", "sys", "etc", "tmp"]) {
    Deno.mkdirSync(`${rootfs}/${name}`, { recursive: true });
  }
  for (const name of ["lib", "lib64", "bin"]) Deno.symlinkSync(`usr/${name}`, `${rootfs}/${name}`);
  return rootfs;
}

/** Prints the errno of each call: `{"keyctl": 1, …}`, 0 where it succeeds. */
const PROGRAM = `
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
result = {}
for name, numbers in json.loads(sys.argv[1]).items():
  ctypes.set_errno(0)
  value = libc.syscall(*[ctypes.c_long(n) for n in numbers])
  result[name] = ctypes.get_errno() if value == -1 else 0
print(json.dumps(result))`;

const EPERM = 1, ENOSYS = 38;
// Numbers and harmless arguments on x86_64 (arch/x86/entry/syscalls/syscall_64.tbl). A bad fd, a bad
// address or a bad flag makes the kernel itself say something else than the filter's EPERM.
const BAD = -1, NEWUSER = 0x10000000;

/** System calls that docker's filter refuses to a container with the default capabilities. */
const REFUSED: Readonly<Record<string, readonly number[]>> = {
  keyctl: [250, 0xffff],
  add_key: [248, 0, 0, 0, 0, 0],
  request_key: [249, 0, 0, 0, 0],
  bpf: [321, 0xffff, 0, 0],
  perf_event_open: [298, 0, 0, 0, BAD, 0],
  userfaultfd: [323, 0xffff],
  unshare_user: [272, NEWUSER],
  setns: [308, BAD, 0],
  open_by_handle_at: [304, BAD, 0, 0],
  io_uring_setup: [425, 0, 0],
  io_uring_enter: [426, BAD, 0, 0, 0, 0],
  io_uring_register: [427, BAD, 0, 0, 0],
  open_tree: [428, BAD, 0, 0],
  move_mount: [429, BAD, 0, BAD, 0, 0xffff],
  fsopen: [430, 0, 0xffff],
  fspick: [433, BAD, 0, 0],
  mount_setattr: [442, BAD, 0, 0, 0, 0],
  mount: [165, 0, 0, 0, 0, 0],
  umount2: [166, 0, 0xffff],
  pivot_root: [155, 0, 0],
  kexec_load: [246, 0, 0, 0, 0xffff],
  init_module: [175, 0, 0, 0],
  finit_module: [313, BAD, 0, 0],
  delete_module: [176, 0, 0],
  acct: [163, 0],
  quotactl: [179, 0, 0, 0, 0],
  swapon: [167, 0, 0],
  kcmp: [312, 1, 1, 0xffff, 0, 0],
  pidfd_getfd: [438, BAD, 0, 0],
  get_mempolicy: [239, 0, 0, 0, 0, 0xffff],
  mbind: [237, 0, 0, 0xffff, 0, 0, 0],
  set_mempolicy: [238, 0xffff, 0, 0],
  fanotify_init: [300, 0xffff, 0],
  settimeofday: [164, 0, 0],
  clock_settime: [227, 0xffff, 0],
  vhangup: [153],
  socket_vsock: [41, 40, 0xffff, 0],
  socket_alg: [41, 38, 0xffff, 0],
  personality: [135, 0x0040000],
  sysfs: [139, 3],
};

/** System calls that it lets through. */
const ALLOWED: Readonly<Record<string, readonly number[]>> = {
  read: [0, BAD, 0, 0],
  ptrace: [101, 0xffff, 0, 0, 0],
  process_vm_readv: [310, 0, 0, 0, 0, 0, 0xffff],
  chroot: [161, 0],
  personality_0: [135, 0xffffffff],
  socket_unix: [41, 1, 1, 0],
  socket_inet: [41, 2, 1, 0],
  getrandom: [318, 0, 0, 0xffff],
  memfd_create: [319, 0, 0],
  statx: [332, BAD, 0, 0, 0, 0],
  openat2: [437, BAD, 0, 0, 0],
  pidfd_open: [434, BAD, 0],
  close_range: [436, 1, 0, 0],
  copy_file_range: [326, BAD, 0, BAD, 0, 0, 0],
  membarrier: [324, 0xffff, 0],
  seccomp: [317, 0xffff, 0, 0],
  landlock_create_ruleset: [444, 0, 0, 0],
  name_to_handle_at: [303, BAD, 0, 0, 0, 0],
  inotify_init1: [294, 0xffff],
  epoll_create1: [291, 0xffff],
  faccessat2: [439, BAD, 0, 0, 0],
  futex: [202, 0, 0xff, 0, 0, 0, 0],
};

async function errnos(
  daemon: TestDaemon,
  calls: Readonly<Record<string, readonly number[]>>,
  ...options: string[]
): Promise<Record<string, number>> {
  const { code, stdout, stderr } = await cli(daemon, [
    ...["run", "--rm", "--rootfs", `${daemon.dir}/python`, "--cgroup-parent", daemon.cgroup],
    ...["--volume", "/usr:/usr:ro", ...options],
    ...["/usr/bin/python3", "-c", PROGRAM, JSON.stringify(calls)],
  ]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** The numbers of the calls are those of one architecture; another has no such machine in its PATH. */
const NEEDED = Deno.build.arch === "x86_64" ? ["python3", "crun"] : ["an x86_64 machine"];

testNeeding(
  NEEDED,
  "seccomp: a container may call what docker's may, and nothing else",
  async () => {
    await using daemon = await TestDaemon.start();
    pythonRootfs(daemon);
    for (const runtime of ["runc", crun(daemon)]) {
      const filtered = await errnos(
        daemon,
        { ...REFUSED, ...ALLOWED, clone3: [435, 0, 0], unknown: [1000] },
        "--runtime",
        runtime,
      );
      for (const name of Object.keys(REFUSED)) {
        assert.equal(filtered[name], EPERM, `${runtime}: ${name} is refused`);
      }
      for (const name of Object.keys(ALLOWED)) {
        assert.notEqual(filtered[name], EPERM, `${runtime}: ${name} is allowed`);
      }
      assert.equal(filtered.clone3, ENOSYS, `${runtime}: clone3 is not there, so clone is used`);
      // crun refuses it with EPERM.
      if (runtime === "runc") assert.equal(filtered.unknown, ENOSYS, "no kernel has it yet");
    }
  },
);

testNeeding(NEEDED, "seccomp: unconfined has no filter, and a file one of its own", async () => {
  await using daemon = await TestDaemon.start();
  pythonRootfs(daemon);
  // Those that the kernel itself refuses for want of a capability say nothing of the filter.
  const calls = {
    keyctl: REFUSED.keyctl!,
    unshare_user: REFUSED.unshare_user!,
    io_uring_enter: REFUSED.io_uring_enter!,
    personality: REFUSED.personality!,
    getpid: [39],
  };
  const open = await errnos(daemon, calls, "--security-opt", "seccomp=unconfined");
  assert.deepEqual(Object.entries(open).filter(([, errno]) => errno === EPERM), []);
  const file = `${daemon.dir}/profile.json`;
  Deno.writeTextFileSync(
    file,
    JSON.stringify({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["getpid"], action: "SCMP_ACT_ERRNO", errnoRet: 99 }],
    }),
  );
  const own = await errnos(daemon, calls, "--security-opt", `seccomp=${file}`);
  assert.equal(own.getpid, 99);
  assert.notEqual(own.keyctl, EPERM);
  const added = await errnos(
    daemon,
    { quotactl: REFUSED.quotactl!, fsopen: REFUSED.fsopen! },
    ...["--cap-add", "SYS_ADMIN"],
  );
  assert.deepEqual(Object.values(added).includes(EPERM), false, "with the capability it may");
});

Deno.test("seccomp: the socket of a profile is told of the container, to answer its calls", async () => {
  await using daemon = await TestDaemon.start();
  const [file, listenerPath] = [`${daemon.dir}/notify.json`, `${daemon.dir}/agent.sock`];
  Deno.writeTextFileSync(
    file,
    JSON.stringify({
      ...{ defaultAction: "SCMP_ACT_ALLOW", listenerPath, listenerMetadata: "of the test" },
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY" }],
    }),
  );
  using agent = Deno.listen({ transport: "unix", path: listenerPath });
  // The fd that comes with the words is dropped, so nobody answers (seccomp_unotify(2)).
  const words = agent.accept().then(({ readable }) => new Response(readable).json());
  const { code, stderr } = await cli(daemon, [
    ...["run", "--rm", "--name", "c", ...rootfsArgs(daemon), "--security-opt", `seccomp=${file}`],
    ...["--", "mkdir", "/tmp/x"],
  ]);
  assert.deepEqual([code, /Function not implemented/.test(stderr)], [1, true], stderr);
  const { metadata, state } = await within("the runtime's words", words);
  assert.deepEqual([metadata, state.id], ["of the test", "c"]);
});

Deno.test("seccomp: a profile that cannot be used is refused, with its file and line", async () => {
  await using daemon = await TestDaemon.start();
  const file = `${daemon.dir}/broken.json`;
  Deno.writeTextFileSync(file, '{\n  "defaultAction": "SCMP_ACT_ALLOW",,\n}');
  const { code, stderr } = await cli(daemon, [
    ...["run", "--rootfs", "/", "--security-opt", `seccomp=${file}`, "true"],
  ]);
  assert.equal(code, 125);
  assert.ok(stderr.includes(`${file}:2: `), stderr);
});
