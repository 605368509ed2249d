// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { testNeeding } from "../../../scripts/test_needing.ts";
import { unmount } from "../mount/unmount.ts";
import { preferFirstDefaultRoute } from "./default_route.ts";
import { pinNewNamespace } from "./namespace.ts";

testNeeding(
  ["ip", "nsenter"],
  "preferFirstDefaultRoute: of each family the first interface's are kept, and those of a greater metric",
  async () => {
    using temp = new TempDir();
    const dir = temp.path;
    const path = `${dir}/netns`;
    pinNewNamespace(path);
    const ip = async (command: string) => {
      const args = [`--net=${path}`, "ip", ...command.split(" ")];
      const { success, stdout, stderr } = await new Deno.Command("nsenter", { args }).output();
      assert.ok(success, `${command}: ${new TextDecoder().decode(stderr)}`);
      return new TextDecoder().decode(stdout);
    };
    const defaults = async (family: string) =>
      (await ip(`${family} route show default`)).match(/(via \S+ )?dev \w+|metric \d+/g) ?? [];
    try {
      for (const [name, subnet] of [["eth0", 1], ["eth1", 2], ["eth2", 3]] as const) {
        await ip(`link add ${name} type veth peer name p${name}`);
        await ip(`link set p${name} up`);
        await ip(`addr add 10.0.${subnet}.2/24 dev ${name}`);
        await ip(`-6 addr add fd0${subnet}::2/64 dev ${name} nodad`);
        await ip(`link set ${name} up`);
      }
      const all = ["eth0", "eth1", "eth2"];
      preferFirstDefaultRoute(path, all);
      assert.deepEqual(await defaults("-4"), []);
      await ip("route add default via 10.0.1.1 dev eth0 metric 10");
      await ip("route prepend default via 10.0.2.1 dev eth1");
      await ip("route prepend default dev eth2 metric 10");
      await ip("route add default via 10.0.2.1 dev eth1 metric 11");
      // Of IPv6 the first has none.
      await ip("-6 route append default via fd02::1 dev eth1");
      await ip("-6 route append default via fd03::1 dev eth2");
      preferFirstDefaultRoute(path, all);
      assert.deepEqual(await defaults("-4"), [
        ...["via 10.0.1.1 dev eth0", "metric 10"],
        ...["via 10.0.2.1 dev eth1", "metric 11"],
      ]);
      assert.deepEqual(await defaults("-6"), ["via fd02::1 dev eth1", "metric 1024"]);
      // The others' subnets are reached as before.
      assert.match(await ip("route get 10.0.3.9"), /dev eth2/);
      preferFirstDefaultRoute(path, ["eth1", "eth0"]);
      assert.deepEqual(await defaults("-4"), ["via 10.0.2.1 dev eth1", "metric 11"]);
    } finally {
      unmount(path);
    }
  },
);
