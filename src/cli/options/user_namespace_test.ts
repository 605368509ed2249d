// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { USERNS_LABEL } from "../common/labels.ts";
import { UserNamespaces } from "./user_namespace.ts";

Deno.test("UserNamespaces: two creates at once get two ranges", async () => {
  using temp = new TempDir();
  const root = temp.path;
  const files = { subuid: `${root}/subuid`, subgid: `${root}/subgid` };
  for (const file of Object.values(files)) {
    await Deno.writeTextFile(file, `containers:100000:${2 * 65_536}\n`);
  }
  const there: { labels: Record<string, string> }[] = [];
  /** A create: the container is there a moment after its range was chosen. */
  const create = async () => {
    const list = () => Promise.resolve([...there]);
    using namespaces = UserNamespaces.find(list, { userns: "auto" }, {
      root,
      remap: undefined,
      files,
    });
    const first = (await namespaces.choose("same"))?.uidMappings[0]?.hostID;
    assert.ok(first !== undefined);
    await new Promise((resolve) => setTimeout(resolve, 1));
    there.push({ labels: { [USERNS_LABEL]: String(first) } });
    return first;
  };
  const got = await Promise.all([create(), create()]);
  assert.deepEqual(got.toSorted(), [100_000, 165_536]);
  await assert.rejects(create(), /no 65536 subordinate ids of the user containers are free/);
});

Deno.test("UserNamespaces: without --userns it is the config's, else the host's", async () => {
  const list = () => Promise.reject(new Error("not asked"));
  using host = UserNamespaces.find(list, {}, { root: "/no/such", remap: undefined });
  assert.equal(await host.choose("a"), undefined);
  const files = { subuid: "/no/such/subuid", subgid: "/no/such/subgid" };
  const remapped = () => UserNamespaces.find(list, {}, { root: "/no/such", remap: "who", files });
  assert.throws(remapped, /gives the user who no subordinate ids/);
});
