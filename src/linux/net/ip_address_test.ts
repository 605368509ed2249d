// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as net from "node:net";
import fc from "fast-check";
import { isIP, isIPv4, isIPv6 } from "./ip_address.ts";

function same(text: string): void {
  assert.equal(isIPv4(text), net.isIPv4(text), text);
  // Here a zone is no part of the address.
  assert.equal(isIPv6(text), net.isIPv6(text) && !text.includes("%"), text);
  assert.equal(isIP(text), net.isIP(text) !== 0, text);
}

Deno.test("isIP: the addresses that Node takes for such, and no other text", () => {
  const texts = [
    ..."0.0.0.0 255.255.255.255 256.1.1.1 01.2.3.4 1.2.3 1.2.3.4.5 1.2.3.4/8 0x1.2.3.4 1".split(
      " ",
    ),
    ..."::1 :: ::ffff:10.0.0.1 ::10.0.0.256 1::2::3 fd00::1 FD00::A 12345::1 1:2:3:4:5:6:7".split(
      " ",
    ),
    ..."1:2:3:4:5:6:7:8 1:2:3:4:5:6:7:8:9 1:2:3:4:5:6:1.2.3.4 fe80::1%eth0 fe80::1% %eth0".split(
      " ",
    ),
    ..."10.0.0.1%eth0 [::1] ::1]/[ ::1]:80 host host-gateway fe80::1%a.b-c".split(" "),
    ...["", " 1.2.3.4", "1.2.3.4\n", "::1\n", "::1 ", ":", ":::", "1:", ":1", "::g"],
  ];
  texts.forEach(same);
});

Deno.test("isIP: any address, and most that is like one", () => {
  const parts = fc.constantFrom(..."0 1 9 12 255 256 a ff ffff 12345 : :: . % e".split(" "));
  const like = fc.array(parts, { maxLength: 17 }).map((all) => all.join(""));
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), like), same), { numRuns: 2000 });
});
