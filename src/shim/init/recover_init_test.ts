// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { writeScript } from "../../../tests/harness/stand_in.ts";
import { until } from "../../../tests/harness/poll.ts";
import { exists } from "../../linux/fs/exists.ts";
import { O_NONBLOCK, O_RDONLY, open, OwnedFd } from "../../linux/fd/fd.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import { execFifoPath, fifoPassage } from "../../oci/driver/exec_fifo.ts";
import type { RuntimeCall } from "../../rpc/contract/shim.ts";
import { TestArea } from "../testing/bundle_testing.ts";

Deno.test("recover init: an init that a dead shim has let through the FIFO is running once it runs its program", async () => {
  await using area = new TestArea();
  const id = "through";
  const go = `${area.dir}/go`;
  const fifo = execFifoPath(area.runtimeRoot, id);
  Deno.mkdirSync(`${area.runtimeRoot}/${id}`, { recursive: true });
  mkfifo(fifo);
  // What runc's init does, but that it takes its time between the FIFO and its program.
  const init = area.reaper.spawn([
    ...[
      "sh",
      "-c",
      `exec 3>${fifo}; until [ -e ${go} ]; do sleep 0.01; done; exec sleep 1000 3>&-`,
    ],
  ]);
  const state = JSON.stringify({ ociVersion: "1.0.2", id, pid: init.pid, status: "created" });
  const script = `case "$*" in *" state "*) echo '${state}' ;; esac`;
  const runtime = writeScript(`${area.dir}/runtime`, script);
  const { service, paths } = area.service({ id, record: { runtime, directStart: true } });
  Deno.writeTextFileSync(paths.initPid, String(init.pid));
  {
    using _reader = new OwnedFd(open(fifo, O_RDONLY | O_NONBLOCK));
    await until("init is let through", () => fifoPassage(fifo, init.pid) === "passing");
  }
  // After the runtime has answered, and init was then looked at for the first time.
  const runtimeCall = ({ subcommand }: RuntimeCall) => {
    if (subcommand === "state") setTimeout(() => Deno.writeTextFileSync(go, ""));
  };
  service.subscribe(0, { event: () => {}, runtimeCall });
  await service.adopt();
  assert.equal(service.state().status, "running");
  assert.equal(exists(fifo), false);
  init.kill(SIGKILL);
  await service.processes.wait({});
});
