// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { docsRows } from "../harness/docs/docs_rows.ts";
import { TestDaemon } from "../harness/daemon.ts";
import {
  busyboxLayer,
  cgroupArgs,
  copyImage,
  imagesMissing,
  makeImage,
  startForImages,
} from "../harness/images/images.ts";
import { TestRegistry } from "../harness/images/registry.ts";
import { networkTest, TestNetwork } from "../harness/network/test_network.ts";
import { Person } from "./docker_person_testing.ts";
import { RUN_ROWS } from "./docker_run_rows_testing.ts";
import { LOOK_ROWS } from "./docker_look_rows_testing.ts";
import { IMAGE_ROWS, NAME } from "./docker_image_rows_testing.ts";

const IMAGE_ROW = "`run IMAGE`";
const NETWORK_ROW = "`--network` `-p` `--ip` `--mac-address`";

Deno.test("coming_from_docker_rows: each row of the page is typed somewhere here", () => {
  const typed = [...Object.keys(RUN_ROWS), IMAGE_ROW, NETWORK_ROW].sort();
  const first = (heading: string) => docsRows(heading).map(([cell]) => cell).sort();
  assert.deepEqual(first("Running containers"), typed);
  assert.deepEqual(first("Images"), Object.keys(IMAGE_ROWS).sort());
  assert.deepEqual(first("Looking after them"), Object.keys(LOOK_ROWS).sort());
});

Deno.test("coming_from_docker_rows: every row that needs a container does what it says", async (test) => {
  await using daemon = await TestDaemon.start();
  const person = new Person(daemon);
  await person.sees(
    "run -d --name web --label for=test --tmpfs /run ROOTFS -- sh -c",
    "while :; do sleep 1000; done",
  );
  for (const [row, check] of Object.entries({ ...RUN_ROWS, ...LOOK_ROWS })) {
    await test.step(row, () => check(person));
  }
  const statuses = ["true", "nosuch", "/etc"].map(async (name) =>
    (await person.types(`run --rm ROOTFS -- ${name}`)).code
  );
  assert.deepEqual(await Promise.all(statuses), [0, 127, 126]);
});

const missing = imagesMissing("docker-registry", "htpasswd");

Deno.test({
  name: `coming_from_docker_rows: the rows of images do what they say${
    missing ? ` (${missing})` : ""
  }`,
  ignore: missing !== undefined,
  fn: async (test) => {
    await using daemon = await startForImages();
    const { dir } = daemon;
    const config = { Entrypoint: ["echo"], Cmd: ["hello"] };
    const history = [{ created: "2026-01-01T00:00:00Z", created_by: "by hand" }];
    const layout = await makeImage(dir, { layers: [await busyboxLayer(dir)], config, history });
    const archive = `${dir}/archive.tar`;
    await copyImage(layout, `docker-archive:${archive}:${NAME}`);
    await using registry = await TestRegistry.start(dir, "secret");
    const env = { XDG_RUNTIME_DIR: `${dir}/runtime`, HOME: `${dir}/home` };
    Deno.mkdirSync(env.XDG_RUNTIME_DIR);
    const person = Object.assign(new Person(daemon), { archive, registry, env });
    // Each has a layer of its own.
    const cgroup = cgroupArgs(daemon).join(" ");
    await test.step(IMAGE_ROW, async () => {
      assert.equal(await person.sees(`run --rm ${cgroup} ${layout}`), "hello\n");
      await person.sees(`run -d --name one ${cgroup} --entrypoint touch ${layout} /mine`);
      await person.sees("rm -f one");
      await person.sees(`rmi ${layout}`);
      assert.equal(await person.sees("images -q"), "");
    });
    for (const [row, check] of Object.entries(IMAGE_ROWS)) {
      await test.step(row, () => check(person));
    }
  },
});

networkTest("coming_from_docker_rows: the row of networks does what it says", async () => {
  await using network = await TestNetwork.make();
  const config = `[network]\nsubnets = ["10.88.7.0/24"]\n`;
  await using daemon = await TestDaemon.start({ program: network.program, config });
  const person = new Person(daemon);
  await person.sees(
    "run -d --name web --network bridge -p 8080:8000 --ip 10.88.7.9 " +
      "--mac-address 02:42:0a:57:00:4d ROOTFS -- httpd -f -p 8000 -h /etc",
  );
  await network.getUntilThere("http://192.0.2.1:8080/hosts", "neighbor");
  const address = "{{range .network.interfaces}}{{index .addresses 0}} {{.mac}}{{end}}";
  assert.equal(await person.sees("inspect -f", address, "web"), "10.88.7.9/24 02:42:0a:57:00:4d\n");
  const links = (name: string) =>
    person.sees(`run --rm --network ${name} ROOTFS -- ls /sys/class/net`);
  assert.equal(await links("none"), "lo\n");
  assert.match(await links("container:web"), /eth0/);
  assert.match(await links("host"), /uplink/);
  await person.sees("rm -f web");
});
