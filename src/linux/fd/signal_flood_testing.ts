// SPDX-License-Identifier: MIT
// A process of its own for `fifo_test.ts`: asks again and again whether a FIFO has a reader, which
// it has, while signals flood in, and prints whether it was told so each time.
import { O_RDWR, OwnedFd } from "./fd.ts";
import { hasReader, mkfifo } from "./fifo.ts";

const dir = Deno.makeTempDirSync();
Deno.addSignalListener("SIGUSR1", () => {});
mkfifo(`${dir}/f`);
using both = OwnedFd.open(`${dir}/f`, O_RDWR);
Deno.removeSync(dir, { recursive: true });
const script = `i=0; while [ $i -lt 300000 ]; do kill -USR1 ${Deno.pid}; i=$((i+1)); done`;
const sender = new Deno.Command("sh", { args: ["-c", script], stdin: "null" }).spawn();
const sends = () => !/\) [ZX] /.test(Deno.readTextFileSync(`/proc/${sender.pid}/stat`));
let told = true;
while (told && sends()) {
  for (let i = 0; i < 10_000; i++) told &&= hasReader(both.fd);
}
if (!told) sender.kill();
await sender.status;
console.log(told ? "told" : "not told");
Deno.exit();
