// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { NetworkParams } from "../../../src/rpc/contract/schemas/network.ts";
import { BerthError, type ErrorKind } from "../../../src/rpc/errors.ts";
import { createIn } from "./audited_network.ts";
import { COLD, TestDaemon } from "../daemon.ts";
import { writeScript } from "../stand_in.ts";
import type { TestNetwork } from "./test_network.ts";

/** Plugins and networks of a test's own, besides the system's plugins. */
export class TestPlugins implements Disposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "berth-cni-" });
  /** Where the networks keep their leases. */
  readonly leases = `${this.dir}/leases`;

  constructor() {
    Deno.mkdirSync(`${this.dir}/bin`);
    Deno.mkdirSync(`${this.dir}/net.d`);
  }

  /** Starts a daemon that has them, with more lines for the section `network` of its config. */
  startDaemon(network: TestNetwork, more = "", env: Record<string, string> = {}) {
    const dirs = JSON.stringify([`${this.dir}/bin`, "/usr/lib/cni"]);
    const config = `${COLD}[network]\nplugin_dirs = ${dirs}\n` +
      `config_dir = "${this.dir}/net.d"\n${more}`;
    return TestDaemon.start({ program: network.program, config, env });
  }

  /** Writes a plugin: a shell script. */
  plugin(name: string, script: string): void {
    writeScript(`${this.dir}/bin/${name}`, script);
  }

  /** Takes back {@linkcode plugin}. */
  removePlugin(name: string): void {
    Deno.removeSync(`${this.dir}/bin/${name}`);
  }

  /** Writes a network of its own bridge and subnet. */
  network(name: string, subnet: string, more: readonly Record<string, unknown>[] = []): void {
    const conflist = {
      cniVersion: "1.0.0",
      name,
      plugins: [{
        type: "bridge",
        bridge: name,
        isGateway: true,
        ipMasq: true,
        capabilities: { ips: true },
        ipam: {
          type: "host-local",
          dataDir: this.leases,
          ranges: [[{ subnet }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      }, ...more],
    };
    Deno.writeTextFileSync(`${this.dir}/net.d/10-${name}.conflist`, JSON.stringify(conflist));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

/** Asserts that a create fails in this way, naming the container, and what `names` says. */
export async function assertRefused(
  daemon: TestDaemon,
  network: NetworkParams,
  kind: ErrorKind,
  message: RegExp,
  names: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await assert.rejects(createIn(daemon, "c", network), (error: unknown) => {
    assert.ok(error instanceof BerthError, String(error));
    assert.equal(error.kind, kind);
    assert.match(error.message, message);
    for (const [key, value] of Object.entries({ id: "c", ...names })) {
      assert.deepEqual(error.data[key], value, key);
    }
    return true;
  });
}
