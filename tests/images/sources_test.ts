// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { cli, ok } from "../harness/cli.ts";
import {
  busyboxLayer,
  cgroupArgs as cgroup,
  copyImage,
  imageTest as test,
  layerOf,
  makeImage,
  startForImages,
} from "../harness/images/images.ts";
import { TestRegistry } from "../harness/images/registry.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { program } from "../harness/run.ts";
import { makeCertificate, TokenServer } from "../harness/images/token_server.ts";

test("images sources: each of skopeo's kinds of files runs, and an archive of several is loaded", async () => {
  await using daemon = await startForImages();
  const base = await busyboxLayer(daemon.dir);
  const source = await makeImage(daemon.dir, { layers: [base], config: { Cmd: ["echo", "hi"] } });
  const { dir } = daemon;
  const places = [
    source.replace(/:latest$/, ""),
    source,
    `oci-archive:${dir}/oci.tar`,
    `docker-archive:${dir}/docker.tar`,
    `dir:${dir}/plain`,
  ];
  for (const place of places.slice(2)) await copyImage(source, place);
  for (const place of places) {
    assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), place), "hi\n", place);
  }
  // docker save of two images: one archive, one manifest.json with both.
  const other = await makeImage(dir, {
    layers: [base, layerOf(dir, { f: "other" })],
    config: { Cmd: ["cat", "/f"], Labels: { tier: "front" } },
  });
  await copyImage(source, `docker-archive:${dir}/a.tar:example.org/a:1`);
  await copyImage(other, `docker-archive:${dir}/b.tar:example.org/b:2`);
  const script = `
    set -e; mkdir ${dir}/both; tar -C ${dir}/both -xf ${dir}/a.tar
    mv ${dir}/both/manifest.json ${dir}/1.json; tar -C ${dir}/both -xf ${dir}/b.tar
    printf '%s,%s' "$(sed 's/]$//' ${dir}/1.json)" "$(sed 's/^\\[//' ${dir}/both/manifest.json)" \
      > ${dir}/both.json
    mv ${dir}/both.json ${dir}/both/manifest.json; tar -C ${dir}/both -cf ${dir}/both.tar .`;
  await run(["sh", "-c", script]);
  const loaded = await ok(daemon, "load", "-i", `${dir}/both.tar`);
  assert.equal(loaded, "Loaded image: example.org/a:1\nLoaded image: example.org/b:2\n");
  assert.equal(await ok(daemon, "run", "--rm", ...cgroup(daemon), "example.org/b:2"), "other");

  const list = async (...args: string[]) =>
    (await ok(daemon, "images", ...args)).trim().split("\n");
  const format = ["--format", "{{.Repository}} {{.Tag}}"];
  assert.deepEqual(await list("--filter", "reference=example.org/*", ...format), [
    "example.org/a 1",
    "example.org/b 2",
  ]);
  assert.deepEqual(await list("example.org/b", ...format), ["example.org/b 2"]);
  assert.deepEqual(await list("-f", "label=tier=front", "--format", '{{.Label "tier"}}'), [
    "front",
  ]);
  assert.deepEqual(await list("-f", "dangling=true", "-q"), [""]);
  const [header, row] = await list("--format", "tag,id", "example.org/a");
  assert.match(`${header}\n${row}`, /^TAG +ID\n1 +[0-9a-f]{12}$/);
  for (const wrong of [["--filter", "size=1"], ["-f", "dangling=maybe"], ["--format", "{{.No}}"]]) {
    assert.equal((await cli(daemon, ["images", ...wrong])).code, 125, wrong.join(" "));
  }
});

test(
  "images sources: run and create log in to a registry, by a file of skopeo login, through a mirror",
  async () => {
    await using daemon = await startForImages();
    await using registry = await TestRegistry.start(daemon.dir, "secret");
    const config = { Cmd: ["echo", "private"] };
    const source = await makeImage(daemon.dir, {
      layers: [await busyboxLayer(daemon.dir)],
      config,
    });
    const image = await registry.push(source, "private", "secret");
    const runs = ["run", "--rm", ...cgroup(daemon)];
    const refused = await cli(daemon, [...runs, image]);
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /authentication required|unauthorized/);
    assert.equal(await ok(daemon, ...runs, "--creds", "user:secret", image), "private\n");
    await ok(daemon, "rmi", image);
    const authfile = `${daemon.dir}/auth.json`;
    await run([
      ...["skopeo", "login", "--authfile", authfile, "--tls-verify=false"],
      ...["-u", "user", "-p", "secret", registry.address],
    ]);
    await ok(daemon, "create", ...cgroup(daemon), "--name", "c", "--authfile", authfile, image);
    await ok(daemon, "rm", "c");
    await ok(daemon, "rmi", image);
    // containers-registries.conf(5) and containers-policy.json(5): a user's files come before /etc's.
    const home = `${daemon.dir}/home/.config/containers`;
    Deno.mkdirSync(home, { recursive: true });
    Deno.writeTextFileSync(
      `${home}/registries.conf`,
      `[[registry]]\nprefix = "example.org"\nlocation = "example.org"\n` +
        `[[registry.mirror]]\nlocation = "${registry.address}"\ninsecure = true\n`,
    );
    const env = { HOME: `${daemon.dir}/home`, REGISTRY_AUTH_FILE: authfile };
    const mirrored = await cli(daemon, [...runs, "example.org/private"], { env });
    assert.deepEqual([mirrored.code, mirrored.stdout], [0, "private\n"], mirrored.stderr);
    Deno.writeTextFileSync(
      `${home}/policy.json`,
      JSON.stringify({ default: [{ type: "reject" }] }),
    );
    const rejected = await cli(daemon, ["pull", "example.org/private"], { env });
    assert.equal(rejected.code, 125);
    assert.match(rejected.stderr, /rejected by policy/);
    // An import is of root's own making.
    const tar = ["import", await busyboxLayer(daemon.dir), "own"];
    assert.equal((await cli(daemon, tar, { env })).code, 0);
    const odd = await cli(daemon, ["pull", "--tls-verify", "perhaps", image]);
    assert.equal(odd.code, 125);
    assert.match(odd.stderr, /true or false/);
  },
  "docker-registry",
  "htpasswd",
);

test(
  "images sources: a registry with tokens gives them by password, by file, and to anybody what is public",
  async () => {
    await using daemon = await startForImages();
    const tls = await makeCertificate(daemon.dir);
    await using tokens = await TokenServer.start(tls, "secret");
    await using registry = await TestRegistry.start(daemon.dir, undefined, {
      auth: tokens.auth,
      tls,
    });
    const source = await makeImage(daemon.dir, { layers: [await busyboxLayer(daemon.dir)] });
    const open = await registry.push(source, "public/app", "secret");
    const secret = await registry.push(source, "private/app", "secret");
    tokens.given.splice(0);
    const pulls = async (image: string, ...args: string[]) => {
      await ok(daemon, "pull", ...args, image);
      await ok(daemon, "rmi", image);
      return tokens.given.splice(0).at(-1);
    };
    assert.equal(await pulls(open), "");
    assert.equal(await pulls(secret, "--creds", "user:secret"), "user");
    const authfile = `${daemon.dir}/auth.json`;
    const auth = btoa("user:secret");
    Deno.writeTextFileSync(authfile, JSON.stringify({ auths: { [registry.address]: { auth } } }));
    assert.equal(await pulls(secret, "--authfile", authfile), "user");
    for (const args of [[], ["--creds", "user:wrong"]]) {
      const { code, stderr } = await cli(daemon, ["pull", ...args, secret]);
      assert.equal(code, 125);
      assert.match(stderr, /cannot pull .*(unauthorized|denied|invalid username\/password)/);
    }
    // Who asks for it gets the certificate checked, here by a file of containers-certs.d(5).
    const verified = ["pull", "--tls-verify", "true", open];
    const home = `${daemon.dir}/home`;
    const refused = await cli(daemon, verified, { env: { HOME: home } });
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /x509|certificate/);
    const certs = `${home}/.config/containers/certs.d/${registry.address}`;
    Deno.mkdirSync(certs, { recursive: true });
    Deno.copyFileSync(tls.certificate, `${certs}/ca.crt`);
    const trusted = await cli(daemon, verified, { env: { HOME: home } });
    assert.equal(trusted.code, 0, trusted.stderr);
  },
  "docker-registry",
  "openssl",
);

test(
  "images sources: files keep owners, modes, times, links, attributes and capabilities",
  async () => {
    await using daemon = await startForImages();
    const script = `
import io, struct, sys, tarfile
with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT) as t:
    def add(name, kind=tarfile.REGTYPE, data=b"", **more):
        i = tarfile.TarInfo(name); i.type = kind; i.size = len(data)
        for key, value in more.items(): setattr(i, key, value)
        t.addfile(i, io.BytesIO(data) if data else None)
    about = dict(uid=1000, gid=70000, mode=0o6751, mtime=1234567890.5)
    add("f", data=b"text", **about)
    add("h", tarfile.LNKTYPE, linkname="f", **about)
    add("s", tarfile.SYMTYPE, linkname="/f")
    add("p", tarfile.FIFOTYPE, mode=0o620)
    add("d", tarfile.DIRTYPE, uid=7, mode=0o1777)
    cap = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0).decode("latin1")
    add("cap", data=b"x", mode=0o755, pax_headers={"SCHILY.xattr.security.capability": cap,
        "SCHILY.xattr.user.color": "blue"})
    add("sparse", data=bytes(3000000))
`;
    const tar = `${daemon.dir}/files.tar`;
    await run(["python3", "-c", script, tar]);
    const image = await makeImage(daemon.dir, { layers: [await busyboxLayer(daemon.dir), tar] });
    const show = "stat -c '%n %u %g %a %h %Y %s' f h d p; readlink s; " +
      "[ f -ef h ] && echo same; tr -d '\\0' < sparse | wc -c";
    const args = ["run", "--name", "c", ...cgroup(daemon), image, "sh", "-c", `cd /; ${show}`];
    const lines = (await ok(daemon, ...args)).trim().split("\n");
    assert.deepEqual(lines.slice(0, 2), [
      "f 1000 70000 6751 2 1234567890 4",
      "h 1000 70000 6751 2 1234567890 4",
    ]);
    assert.match(lines[2] ?? "", /^d 7 0 1777 /);
    assert.match(lines[3] ?? "", /^p 0 0 620 /);
    assert.deepEqual(lines.slice(4), ["/f", "same", "0"]);
    const [layer] = JSON.parse(await ok(daemon, "image", "inspect", "--json", image)).layers;
    const list = `import os, sys
for a in sorted(os.listxattr(sys.argv[1])): print(a, os.getxattr(sys.argv[1], a).hex())`;
    const attributes = await run(["python3", "-c", list, `${layer}/cap`]);
    assert.match(attributes, /^security\.capability 0100000200040000/m);
    assert.match(attributes, /^user\.color 626c7565$/m);
    const { mtime } = Deno.statSync(`${layer}/f`);
    assert.equal(mtime?.getTime(), 1234567890500);
  },
  "python3",
);

test("images sources: a pull tells on a terminal how far it is, in one line that goes", async () => {
  await using daemon = await startForImages();
  const layers = [await busyboxLayer(daemon.dir), layerOf(daemon.dir, { f: "more" })];
  const image = await makeImage(daemon.dir, { layers });
  await using terminal = new PtyProcess([...program(), "pull", image], {
    env: { BERTH_SOCKET: daemon.socket },
    cwd: daemon.dir,
  });
  assert.equal(await terminal.exited(), 0);
  const text = new TextDecoder().decode(terminal.bytes());
  const [id = ""] = (await ok(daemon, "images", "-q")).trim().split("\n");
  assert.ok(text.includes(`\r\x1b[KPulling ${image}: layer 2`), JSON.stringify(text));
  // The line is cleared before what is printed for good.
  assert.ok(text.endsWith(`\r\x1b[K${id}\r\n`), JSON.stringify(text));
  assert.equal(text.split("\n").length, 2);
});
