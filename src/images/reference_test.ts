// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ImageError } from "./image_errors.ts";
import { isLoopback, parseReference, shortName } from "./reference.ts";

const DIGEST = `sha256:${"a1".repeat(32)}`;

Deno.test("parseReference adds what docker adds to a short name", () => {
  for (
    const [text, name] of [
      ["alpine", "docker.io/library/alpine:latest"],
      ["alpine:3.20", "docker.io/library/alpine:3.20"],
      ["grafana/loki", "docker.io/grafana/loki:latest"],
      ["docker.io/alpine", "docker.io/library/alpine:latest"],
      ["index.docker.io/library/alpine", "docker.io/library/alpine:latest"],
      ["docker://quay.io/a/b/c:1", "quay.io/a/b/c:1"],
      ["localhost/x", "localhost/x:latest"],
      ["localhost:5000/x", "localhost:5000/x:latest"],
      ["[::1]:5000/x:2", "[::1]:5000/x:2"],
      [`alpine:3@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`],
      ["a__b/c-d.e:Tag_1", "docker.io/a__b/c-d.e:Tag_1"],
    ] as const
  ) {
    assert.deepEqual(
      parseReference(text),
      { name, source: `docker://${name}`, local: false },
      text,
    );
  }
});

Deno.test("parseReference takes what skopeo reads from this machine", () => {
  const there = { local: true, name: "oci:/srv/img:v1", source: "oci:/srv/img:v1" };
  assert.deepEqual(parseReference("oci:/srv/img:v1"), there);
  const relative = `docker-archive:${Deno.cwd()}/x.tar`;
  assert.equal(parseReference("docker-archive:./x.tar").source, relative);
  assert.equal(parseReference("docker-archive:x.tar").source, relative);
  assert.throws(() => parseReference("oci:"), ImageError);
  const parent = Deno.cwd().replace(/\/[^/]*$/, "");
  for (
    const [text, path] of [
      ["oci:../img", `${parent}/img`],
      ["oci:./../img/:v1", `${parent}/img:v1`],
      ["oci:/../srv//./img", "/srv/img"],
      ["oci:img/../other", `${Deno.cwd()}/img/../other`],
      ["oci:..", parent],
      ["docker-archive:x.tar:a/./b", `${Deno.cwd()}/x.tar:a/./b`],
    ] as const
  ) {
    assert.equal(parseReference(text).name, text.replace(/:.*/, `:${path}`));
  }
});

Deno.test("parseReference refuses what docker refuses", () => {
  const bad = [
    "",
    "Alpine",
    "a//b",
    "-x",
    "a:",
    "a:b:c",
    "a/b@sha256:12",
    "a b",
    "../x",
    "/x",
    "x/",
  ];
  for (const text of bad) assert.throws(() => parseReference(text), ImageError, text);
  assert.throws(() => parseReference(`a/${"b".repeat(300)}`), /longer than 255/);
});

Deno.test("shortName takes off what docker adds; isLoopback knows this machine's registries", () => {
  assert.equal(shortName("docker.io/library/alpine:latest"), "alpine:latest");
  assert.equal(shortName("docker.io/grafana/loki:1"), "grafana/loki:1");
  assert.equal(shortName("quay.io/library/a:1"), "quay.io/library/a:1");
  assert.ok(isLoopback("localhost:5000/x:latest") && isLoopback("127.0.0.1:5000/x:latest"));
  assert.ok(!isLoopback("localhost.evil.example/x:latest"));
});
