// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../tests/harness/poll.ts";
import { StandIn } from "../../tests/harness/stand_in.ts";
import { exists } from "../linux/fs/exists.ts";
import { ImageNotFoundError } from "./image_errors.ts";
import { failure, runSkopeo } from "./skopeo.ts";

Deno.test("runSkopeo: an abort after its end, while its output is still open, does no harm", async () => {
  using _skopeo = StandIn.forThisProcess("skopeo", 'sleep 1000 &\necho $! "$$"');
  const controller = new AbortController();
  const { promise: started, resolve } = Promise.withResolvers<string>();
  const running = runSkopeo([], { signal: controller.signal, onProgress: resolve });
  const [child = "", skopeo] = (await started).split(" ");
  try {
    await until("the end of skopeo", () => !exists(`/proc/${skopeo}`));
    controller.abort(new Error("enough"));
  } finally {
    Deno.kill(Number(child), "SIGKILL");
  }
  assert.equal(await running, "");
});

Deno.test("runSkopeo: only what a signal can end is out of a terminal's reach", async () => {
  const script = 'read -r pid _ _ _ group _ </proc/$$/stat\n[ "$pid" = "$group" ] && echo own\n:';
  using _skopeo = StandIn.forThisProcess("skopeo", script);
  assert.equal(await runSkopeo([], { signal: new AbortController().signal }), "own\n");
  assert.equal(await runSkopeo([]), "");
});

const fatal = (message: string) =>
  failure(
    `time="2026" level=info msg="other"\ntime="2026" level=fatal msg=${JSON.stringify(message)}\n`,
  );

Deno.test("failure: skopeo's messages of what a person can mend say how, in those of older and newer versions", () => {
  const none = "choosing an image from manifest list docker://a:1: no image found in ";
  for (
    const [message, advice] of [
      [
        `${none}image index for architecture amd64, variant "", OS linux`,
        /^none of its images is for linux\/amd64; /,
      ],
      [
        `${none}manifest list for architecture "arm64", variant "v8", OS "linux"`,
        /^none of its images is for linux\/arm64; /,
      ],
      [
        `${none}manifest list for architecture arm, variant "v5", OS linux`,
        /^none of its images is for linux\/arm\/v5; /,
      ],
      [
        "Invalid source name docker://[::1]:5000/base:latest: invalid reference format",
        /IPv6 address of a registry: use a name, or an IPv4 address$/,
      ],
      [
        'Error parsing image name "docker://[::1]:5000/base:latest": invalid reference format',
        /IPv6 address of a registry: use a name, or an IPv4 address$/,
      ],
      [
        "initializing source oci:/a:: more than one image in oci, choose an image",
        /several images: say which one, as oci:DIR:TAG/,
      ],
      [
        "determining manifest MIME type for docker-archive:a.tar: Unexpected tar manifest.json: " +
        "expected 1 item, got 2",
        /several images: say which one, as docker-archive:FILE:NAME/,
      ],
    ] as const
  ) {
    assert.match(fatal(message).message, advice);
  }
  assert.equal(fatal("something else").message, "something else");
  const ping = 'pinging container registry 10.0.0.5:5000: Get "https://10.0.0.5:5000/v2/": ';
  for (
    const [message, hint] of [
      [`${ping}http: server gave HTTP response to HTTPS client`, /--tls-verify=false$/],
      [`${ping}x509: certificate signed by unknown authority`, /certs\.d\/HOST:PORT\/ca\.crt/],
      ["reading manifest latest in a/b: unauthorized: authentication required", /skopeo login$/],
      ["unable to retrieve auth token: invalid username/password: unauthorized", /skopeo login$/],
    ] as const
  ) {
    const { message: told } = fatal(message);
    assert.ok(told.startsWith(`${message}; `), told);
    assert.match(told, hint);
  }
  const missing = 'initializing source oci:/a:no: no descriptor found for reference "no"';
  assert.ok(fatal(missing) instanceof ImageNotFoundError);
});
