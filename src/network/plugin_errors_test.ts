// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NetworkError } from "../rpc/errors.ts";
import { isIptablesClash } from "./plugin_errors.ts";

Deno.test("isIptablesClash recognizes status 4 of iptables, whatever its arguments, and no other", () => {
  const clashes = (command: string, status: number) =>
    isIptablesClash(
      new NetworkError(
        `plugin portmap: ADD failed: running [${command}]: exit status ${status}: …`,
      ),
    );
  const iptables = "/usr/sbin/iptables -t nat -N CNI-HOSTPORT-DNAT --wait";
  assert.ok(clashes(iptables, 4));
  assert.ok(
    clashes("/usr/sbin/ip6tables -t nat -A CNI-DN-1 -j DNAT --to-destination [fd00::2]:80", 4),
  );
  const unsupported =
    `${iptables}]: exit status 4: TABLE_ADD failed (Operation not supported): table [`;
  assert.ok(!clashes(unsupported, 4));
  assert.ok(!clashes(iptables, 1));
  assert.ok(!clashes(iptables, 40));
  assert.ok(!clashes("/usr/sbin/ipset create x", 4));
  assert.ok(!isIptablesClash(new Error(`running [${iptables}]: exit status 4: …`)));
});
