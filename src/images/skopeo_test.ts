// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { runSkopeo } from "./skopeo.ts";

/** Runs `use` with a script in the place of skopeo, which is run in a directory of its own. */
async function withSkopeo(script: string, use: (dir: string) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync();
  const path = Deno.env.get("PATH") ?? "";
  try {
    Deno.writeTextFileSync(`${dir}/skopeo`, `#!/bin/sh\n${script}`, { mode: 0o755 });
    Deno.env.set("PATH", `${dir}:${path}`);
    await use(dir);
  } finally {
    Deno.env.set("PATH", path);
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("runSkopeo: an abort after its end, while its output is still open, does no harm", async () => {
  const script = 'sleep 1000 &\necho $! "$$"\n';
  await withSkopeo(script, async () => {
    const controller = new AbortController();
    const { promise: started, resolve } = Promise.withResolvers<string>();
    const running = runSkopeo([], { signal: controller.signal, onProgress: resolve });
    const [child = "", skopeo] = (await started).split(" ");
    try {
      const deadline = performance.now() + 60_000;
      while (await Deno.stat(`/proc/${skopeo}`).then(() => true, () => false)) {
        assert.ok(performance.now() < deadline, "the end of skopeo");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      controller.abort(new Error("enough"));
    } finally {
      Deno.kill(Number(child), "SIGKILL");
    }
    assert.equal(await running, "");
  });
});

Deno.test("runSkopeo: only what a signal can end is out of a terminal's reach", async () => {
  const script = 'read -r pid _ _ _ group _ </proc/$$/stat\n[ "$pid" = "$group" ] && echo own\n:\n';
  await withSkopeo(script, async () => {
    assert.equal(await runSkopeo([], { signal: new AbortController().signal }), "own\n");
    assert.equal(await runSkopeo([]), "");
  });
});
