// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../harness/temp_dir.ts";
import { BerthError } from "../../src/rpc/errors.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { killIfThere } from "../harness/processes.ts";
import { auditAfter, createIn } from "../harness/network/audited_network.ts";
import { httpServer, networkTest, TestNetwork } from "../harness/network/test_network.ts";
import { writeScript } from "../harness/stand_in.ts";
import { deleteUntilGone } from "../harness/delete_until_gone.ts";
import { exists } from "../../src/linux/fs/exists.ts";

const NETWORK = `[network]\nsubnets = ["10.87.0.0/24"]\n`;

const PUBLISHED = { name: "bridge", ports: [{ hostPort: 8080, containerPort: 8000 }] };

function create(daemon: TestDaemon, id: string) {
  return createIn(daemon, id, PUBLISHED, httpServer("web"));
}

networkTest("networks: with no_shim a container is reached, and leaves nothing", async () => {
  await using network = await TestNetwork.make();
  await using daemon = await TestDaemon.start({
    program: network.program,
    config: `[runtime]\nno_shim = true\n${NETWORK}`,
  });
  const audit = await auditAfter(network, daemon, PUBLISHED);
  await create(daemon, "web");
  await daemon.client.call("container.start", { id: "web" });
  assert.equal(await network.getUntilThere("http://192.0.2.1:8080/", "neighbor"), "web");
  await daemon.remove("web");
  await audit.assertClean("a container without a shim");
  await create(daemon, "web");
  await daemon.kill9();
  await daemon.start();
  await daemon.remove("web");
  await audit.assertClean("a killed daemon without shims");
});

networkTest(
  "networks: it stays with a container that another shim adopts, and goes with it",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: `${COLD}on_death = "adopt"\n${NETWORK}`,
    });
    const audit = await auditAfter(network, daemon, PUBLISHED);
    await create(daemon, "web");
    await daemon.client.call("container.start", { id: "web" });
    let state = await daemon.stateOf("web");
    const { network: given, pid } = state;
    for (const withDaemon of [false, true]) {
      const { shimPid } = state;
      if (withDaemon) await daemon.kill9();
      killIfThere(shimPid);
      if (withDaemon) await daemon.start();
      state = await daemon.nextShim("web", shimPid);
      assert.equal(state.pid, pid);
      assert.deepEqual(state.network, given);
      assert.equal(await network.getUntilThere("http://192.0.2.1:8080/", "neighbor"), "web");
    }
    await daemon.remove("web");
    await audit.assertClean("an adopted container");
  },
);

networkTest(
  "networks: who shares a container's network joins the one that it has now",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: `${COLD}${NETWORK}`,
    });
    const { client } = daemon;
    await create(daemon, "owner");
    await client.call("container.start", { id: "owner" });
    const { network: first } = await daemon.stateOf("owner");
    const spec = daemon.spec(["sleep", "1000"]);
    const own = Object(spec["linux"]);
    const namespaces = Array.isArray(own.namespaces) ? own.namespaces : [];
    await client.call("container.create", {
      id: "guest",
      spec: {
        ...spec,
        linux: {
          ...own,
          namespaces: [
            ...namespaces.filter((one: unknown) => Object(one).type !== "network"),
            { type: "network", path: first?.namespace },
          ],
        },
      },
    });
    await client.call("container.start", { id: "guest" });
    for (const id of ["owner", "guest"]) await client.call("container.restart", { id, timeout: 0 });
    const [owner, guest] = await Promise.all(["owner", "guest"].map(async (id) => {
      const { pid } = await daemon.stateOf(id);
      return Deno.readLinkSync(`/proc/${pid}/ns/net`);
    }));
    assert.equal(guest, owner);
    for (const id of ["guest", "owner"]) await daemon.remove(id);
  },
);

networkTest("networks: a namespace that is not pinned any more is no obstacle", async () => {
  await using network = await TestNetwork.make();
  await using daemon = await TestDaemon.start({
    program: network.program,
    config: `${COLD}${NETWORK}`,
  });
  const audit = await auditAfter(network, daemon, PUBLISHED);
  await create(daemon, "web");
  const { pid, shimPid, network: state } = await daemon.stateOf("web");
  // As after a reboot with the state directory on a disk.
  await daemon.kill9();
  killIfThere(shimPid, pid);
  await network.onHost("umount", state?.namespace ?? "");
  await daemon.start();
  await audit.assertClean("a namespace that is not pinned");
  // Its network goes before its id is free.
  await daemon.untilEmpty();
  await create(daemon, "web");
  await daemon.remove("web");
  await audit.assertClean("the next one");
});

networkTest("networks: daemon, shim and plugin that are killed at once leave nothing", async () => {
  await using network = await TestNetwork.make();
  using temp = new TempDir();
  const dir = temp.path;
  await using daemon = await TestDaemon.start({
    program: network.program,
    config: `${COLD}${NETWORK}` +
      `plugin_dirs = ["${dir}", "/usr/lib/cni"]\n`,
  });
  const audit = await auditAfter(network, daemon, PUBLISHED);
  for (const plugin of ["bridge", "portmap", "firewall"]) {
    for (const command of ["ADD", "DEL"]) {
      if (command === "DEL") await create(daemon, "web");
      // Stops before or after its work, with its own work done by a child.
      const began = `${dir}/began`;
      const real = `/usr/lib/cni/${plugin}`;
      const script = `[ $CNI_COMMAND = ${command} ] || exec ${real}\n` +
        `${real} > ${dir}/out\necho > ${began}\nsleep 1000`;
      writeScript(`${dir}/${plugin}`, script);
      const call = command === "ADD" ? create(daemon, "web") : daemon.remove("web");
      const ended = call.then(() => "done", (error: unknown) => {
        assert.ok(error instanceof BerthError, String(error));
        return error.kind;
      });
      await until(`${plugin} has done its work`, () => exists(began));
      killIfThere(
        daemon.pid,
        ...await network.pidsOf(/^(berth-shim|sleep|sh|bridge|portmap|firewall)/),
      );
      await daemon.exited();
      assert.notEqual(await ended, "done");
      Deno.removeSync(`${dir}/${plugin}`);
      Deno.removeSync(began);
      await daemon.start();
      await deleteUntilGone(daemon, "web");
      await audit.assertClean(`all killed in ${command} of ${plugin}`);
    }
  }
});

networkTest(
  "networks: a daemon whose /proc/sys is read-only makes networks all the same",
  async () => {
    await using network = await TestNetwork.make();
    // A new namespace forwards if the machine does; nobody could turn it on there.
    await network.onHost("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward");
    const readOnly = "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys";
    const shell = ["unshare", "-m", "sh", "-c", `${readOnly}; exec "$@"`, "sh"];
    await using daemon = await TestDaemon.start({
      program: [...shell, ...network.program],
      config: NETWORK,
    });
    // Without ports, for which `portmap` would change something there.
    await createIn(daemon, "web", { name: "bridge" }, httpServer("web"));
    await daemon.client.call("container.start", { id: "web" });
    const state = await daemon.stateOf("web");
    const [address = ""] = state.network?.interfaces[0]?.addresses ?? [];
    assert.equal(await network.getUntilThere(`http://${address.split("/", 1)[0]}:8000/`), "web");
    await daemon.remove("web");
  },
);
