// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { exists } from "../../linux/fs/exists.ts";
import { mount } from "../../linux/mount/mount.ts";
import { type MountInfo, readMountInfo } from "../../linux/mount/mountinfo.ts";
import { unmount } from "../../linux/mount/unmount.ts";
import { bootId } from "../../linux/process/boot_id.ts";
import { CapturedLog } from "../util/log_testing.ts";
import { MountKeeper } from "./mount_keeper.ts";

/** A file system whose size is what is changed, and the state directory of daemons that keep it. */
interface Stage extends Disposable {
  readonly state: string;
  readonly note: string;
  find(): MountInfo | undefined;
  resize(): void;
}

function stage(): Stage {
  const temp = new TempDir();
  const target = `${temp.path}/mount`;
  Deno.mkdirSync(target);
  mount({ type: "tmpfs", target, options: ["nosuid", "size=1m", "mode=700"] });
  return {
    state: temp.path,
    note: `${temp.path}/cgroup2-options`,
    find: () => readMountInfo().find(({ mountPoint }) => mountPoint === target),
    resize: () => mount({ target, options: ["remount", "nosuid", "size=2m"] }),
    [Symbol.dispose]() {
      unmount(target);
      temp[Symbol.dispose]();
    },
  };
}

Deno.test("MountKeeper: options of a file system that work takes away are put back, those of the mount kept", async () => {
  using mounts = stage();
  const { find, note, resize, state } = mounts;
  const before = find();
  const keeper = MountKeeper.open(state, find);
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const one = keeper.keep(() => (resize(), first.promise));
  // Begins when they have been changed, and ends last.
  const other = keeper.keep(() => second.promise);
  first.resolve();
  await one;
  assert.deepEqual(find(), before);
  assert.ok(exists(note), "for the other one");
  resize();
  second.reject(new Error("failed"));
  await assert.rejects(other, /failed/);
  assert.deepEqual(find(), before);
  assert.equal(exists(note), false);
});

Deno.test("MountKeeper: mounts that cannot be read fail no work, and a read-only mount stays so", async () => {
  using mounts = stage();
  const { find, resize, state } = mounts;
  let reads = 0;
  const later = MountKeeper.open(state, () => {
    if (reads++ === 0) throw new Deno.errors.NotFound();
    return find();
  });
  assert.equal(await later.keep(() => Promise.resolve(1)), 1);
  const target = find()?.mountPoint ?? "";
  await later.keep(() => {
    resize();
    return Promise.resolve(mount({ target, options: ["remount", "bind", "ro"] }));
  });
  assert.match(find()?.options ?? "", /^ro/);
});

Deno.test("MountKeeper: the next daemon puts back what a killed one had noted", async () => {
  using mounts = stage();
  const { find, note, resize, state } = mounts;
  const before = find();
  const killed = Promise.withResolvers<void>();
  const work = MountKeeper.open(state, find).keep(() => (resize(), killed.promise));
  assert.notDeepEqual(find(), before);
  MountKeeper.open(state, find);
  assert.deepEqual(find(), before);
  assert.equal(exists(note), false);
  killed.resolve();
  await work;
});

Deno.test("MountKeeper: a note that is damaged, or of an earlier boot, is forgotten", () => {
  using mounts = stage();
  using log = new CapturedLog();
  const { find, note, resize, state } = mounts;
  const noted = (mount: unknown, boot = bootId()) => JSON.stringify({ bootId: boot, mount });
  const was = find();
  const whole = noted(was);
  resize();
  const now = find();
  const damaged = ["", "\0\0", "[]", whole.slice(0, -2), noted(5), noted({}), noted(null)];
  const notThere = noted({ ...was, mountPoint: `${state}/gone` });
  for (const text of [...damaged, notThere, noted(was, "an-earlier-boot")]) {
    Deno.writeTextFileSync(note, text);
    MountKeeper.open(state, find);
    assert.deepEqual(find(), now, text);
    assert.equal(exists(note), false);
  }
  assert.ok(log.lines.length > 0);
  const line = /^warning berth\.container: cannot put back the options of cgroup v2: /;
  for (const one of log.lines) assert.match(one, line);
  Deno.writeTextFileSync(note, whole);
  MountKeeper.open(state, find);
  assert.deepEqual(find(), was);
});
