// SPDX-License-Identifier: MIT
//
// A shim of containerd that fails between its socket's being there and its answer. containerd calls no
// `delete` then: it removes the bundle, and no path leads to the socket any more.
import assert from "node:assert/strict";
import { addressIn } from "../harness/containerd/shim_program.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { baseName } from "../harness/run.ts";
import { start } from "./waiting_testing.ts";

/** The ways in which the process that becomes the shim is started. */
const WAYS = [{ useLink: true }, {}, { waiting: true }];

const ENDED = "the shim has ended before it could be reached\n";

/** With each way, a containerd whose shims' failpoints can be armed, and which has a shim already. */
async function forEachWay(
  use: (containerd: StubContainerd, points: FailpointFile, first: string) => Promise<void>,
): Promise<void> {
  for (const way of WAYS) {
    using points = new FailpointFile();
    await using containerd = new StubContainerd({ ...way, env: points.env });
    const first = await start(containerd, "first");
    if (way.waiting) await containerd.waits();
    await use(containerd, points, first);
  }
}

/** Calls `start`, which must fail; what it says. */
async function failToStart(containerd: StubContainerd, id: string): Promise<string> {
  const { code, stdout, stderr } = await containerd.call(id, "start", containerd.params(id));
  assert.deepEqual([code, stdout.length], [1, 0]);
  return stderr;
}

function socketsOf(containerd: StubContainerd): string[] {
  return [...Deno.readDirSync(containerd.socketDir)].map(({ name }) => name);
}

const armed = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name: `containerd shim: ${name}`, ignore: NO_FAILPOINTS, fn });

armed("one that is killed before it answers leaves no socket", async () => {
  await forEachWay(async (containerd, points, first) => {
    points.arm("shim.bound=crash");
    containerd.makeBundle("c", ["true"]);
    assert.equal(await failToStart(containerd, "c"), ENDED);
    points.disarm();
    assert.deepEqual(socketsOf(containerd), [baseName(first)]);
    // By which `delete` finds it where the caller of the shim is killed, too.
    const address = Deno.readTextFileSync(`${containerd.bundleOf("c")}/address`);
    assert.match(address, /^unix:\/\/.+\/[0-9a-f]{64}$/);
    await containerd.delete("c");
    await containerd.call("c", "start", containerd.params("c"));
    assert.equal(socketsOf(containerd).length, 2);
  });
});

armed("one that fails when it listens takes its socket along", async () => {
  await forEachWay(async (containerd, points, first) => {
    points.arm("shim.bound=fail:EIO");
    containerd.makeBundle("c", ["true"]);
    assert.match(await failToStart(containerd, "c"), /EIO/);
    points.disarm();
    assert.deepEqual(socketsOf(containerd), [baseName(first)]);
  });
});

armed(
  "one that is killed for a further container leaves the socket of its pod's shim",
  async () => {
    await forEachWay(async (containerd, points) => {
      const pod = { annotations: { "io.kubernetes.cri.sandbox-id": "pod" } };
      for (const id of ["pod", "one"]) containerd.makeBundle(id, ["true"], pod);
      const said = await containerd.call("pod", "start", containerd.params("pod"));
      points.arm("shim.joins=crash");
      assert.equal(await failToStart(containerd, "one"), ENDED);
      points.disarm();
      (await Deno.connect({ transport: "unix", path: addressIn(said.stdout) })).close();
    });
  },
);
