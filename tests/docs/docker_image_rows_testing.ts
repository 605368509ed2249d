// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { ARCHITECTURE } from "../../src/images/image_config.ts";
import { cli } from "../harness/cli.ts";
import { busyboxLayer, cgroupArgs, copyImage } from "../harness/images/images.ts";
import { TestRegistry } from "../harness/images/registry.ts";
import { Person, unknown } from "./docker_person_testing.ts";

/** Someone who has images, an archive of one called `NAME`, and a registry that wants a password. */
interface ImagePerson extends Person {
  readonly archive: string;
  readonly registry: TestRegistry;
  /** The environment in which skopeo finds its file of credentials, and no other's. */
  readonly env: Readonly<Record<string, string>>;
}

type ImageCheck = (person: ImagePerson) => Promise<void>;

export const NAME = "example.org/app:1";

/** The rows are typed in the order of the page: the later ones take what the earlier ones left. */
export const IMAGE_ROWS: Readonly<Record<string, ImageCheck>> = {
  "`pull` `images` `load` `import`": async (person) => {
    await person.sees(`load -i ${person.archive}`);
    await person.sees(`pull docker-archive:${person.archive}`);
    await person.sees(`import ${await busyboxLayer(person.daemon.dir)} base`);
    const [id = "", ...others] = (await person.sees(`images -q ${NAME}`)).trim().split("\n");
    assert.deepEqual([others, (await person.sees("images -q")).trim().split("\n").length], [[], 2]);
    assert.equal(await person.sees(`image inspect -f {{.id}} ${NAME}`), `${id}\n`);
    assert.match(await person.sees("image ls --format {{.ID}}"), /^\w+\n/);
    assert.equal(await person.sees("image prune"), "");
    const cgroup = cgroupArgs(person.daemon).join(" ");
    assert.equal(await person.sees(`run --rm ${cgroup} ${id}`), "hello\n");
  },
  "`pull --platform`, `run --platform`": async (person) => {
    const cgroup = cgroupArgs(person.daemon).join(" ");
    const platform = `--platform linux/${ARCHITECTURE}`;
    await person.sees(`pull ${platform} docker-archive:${person.archive}`);
    assert.equal(await person.sees(`run --rm ${platform} ${cgroup} ${NAME}`), "hello\n");
    await person.isRefused(`pull --platform windows/amd64 ${NAME}`, /linux/);
  },
  "`rmi`": async (person) => {
    const id = (await person.sees(`images -q ${NAME}`)).trim();
    assert.match(await person.sees(`rmi ${NAME}`), /^Untagged: .*\n$/);
    await person.sees(`load -i ${person.archive}`);
    assert.match(await person.sees(`rmi ${id}`), /^Untagged: .*\nUntagged: .*\nDeleted: .*\n$/);
  },
  "`images --digests`": async (person) => {
    await person.sees(`load -i ${person.archive}`);
    const seen = await person.sees(`images --digests --no-trunc ${NAME}`);
    assert.match(seen, /^IMAGE +DIGEST +ID /);
    assert.match(seen, /^\S+ +sha256:[0-9a-f]{64} +/m);
    await person.sees(`rmi ${NAME}`);
  },
  "`rmi -f`": async (person) => {
    await person.sees(`load -i ${person.archive}`);
    const id = (await person.sees(`images -q ${NAME}`)).trim();
    await person.sees(`create --name user ${cgroupArgs(person.daemon).join(" ")} ${NAME}`);
    assert.equal(await person.sees("ps -l --format {{.Image}}"), `${NAME}\n`);
    for (const image of [NAME, id]) {
      assert.equal(await person.sees(`ps -q --filter ancestor=${image}`), "user\n", image);
    }
    assert.equal(await person.sees("ps -q --filter ancestor=example.org/app:2"), "");
    await person.isRefused(`rmi ${NAME}`, /used by user/);
    assert.equal(await person.sees(`rmi -f ${NAME}`), `Untagged: ${NAME}\n`);
    assert.equal(await person.sees("image prune"), "");
    await person.sees("rm user");
    assert.equal(await person.sees("image prune"), `Deleted: ${id}\n`);
  },
  "`tag`": unknown("tag base other"),
  "`history`": async (person) => {
    await unknown("history base")(person);
    await person.sees(`load -i ${person.archive}`);
    const history = await person.sees("image inspect -f", "{{json .config.history}}", NAME);
    assert.match(history, /^\[\{"created":/);
  },
  "`save`": async (person) => {
    await unknown(`save ${NAME}`)(person);
    const { address } = person.registry;
    const [from, saved] = [`docker://${address}/app:1`, `${person.daemon.dir}/saved.tar`];
    await copyImage(`docker-archive:${person.archive}`, `oci:${person.daemon.dir}/oci:1`);
    await person.registry.push(`oci:${person.daemon.dir}/oci:1`, "app:1", "secret");
    const creds = ["--src-creds", "user:secret", "--src-tls-verify=false"];
    await copyImage(from, `docker-archive:${saved}:${address}/app:1`, ...creds);
    assert.equal(await person.sees(`load -i ${saved}`), `Loaded image: ${address}/app:1\n`);
  },
  "`push`": async (person) => {
    await unknown("push a")(person);
    const pushed = `${person.registry.address}/pushed:1`;
    const creds = ["--dest-creds", "user:secret", "--dest-tls-verify=false"];
    await copyImage(`docker-archive:${person.archive}`, `docker://${pushed}`, ...creds);
    await person.sees(`pull --creds user:secret ${pushed}`);
  },
  "`login` `logout`": async (person) => {
    await unknown("login", "logout")(person);
    const { daemon, env, registry: { address } } = person;
    const pull = async () => (await cli(daemon, ["pull", `${address}/pushed:1`], { env })).code;
    assert.equal(await pull(), 125);
    const login = ["skopeo", "login", "--tls-verify=false", "-u", "user", "-p", "secret", address];
    await run(login, { env });
    assert.equal(await pull(), 0);
    await run(["skopeo", "logout", address], { env });
    assert.equal(await pull(), 125);
  },
  "`search`": async (person) => {
    await unknown("search nginx")(person);
    const where = `docker://${person.registry.address}/pushed`;
    const creds = ["--creds", "user:secret", "--tls-verify=false"];
    assert.deepEqual(JSON.parse(await run(["skopeo", "list-tags", ...creds, where])).Tags, ["1"]);
  },
  "`build` `commit`": unknown("build .", "commit web"),
};
