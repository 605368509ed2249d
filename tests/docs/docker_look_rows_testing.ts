// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { StandIn } from "../harness/stand_in.ts";
import { until } from "../harness/poll.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { shellProgram } from "../harness/run.ts";
import { type Check, Person, unknown } from "./docker_person_testing.ts";

export const LOOK_ROWS: Readonly<Record<string, Check>> = {
  "`ps`": async (person) => {
    await person.sees("run -d --name over ROOTFS -- sh -c", "exit 4");
    await person.sees("wait over").catch(() => "");
    assert.match(await person.sees("ps"), /^over +Exited \(4\) .* ago /m);
    assert.equal(await person.sees("ps -q"), await person.sees("ps -aq"));
    await using terminal = person.sits("ps");
    assert.equal(await terminal.exited(), 0);
    assert(terminal.output.includes("\x1b[31mExited (4)"));
  },
  "`ps -q -l -n --filter --format`": async (person) => {
    assert.equal(await person.sees("ps -q -l"), "over\n");
    assert.equal(await person.sees("ps -n 1 --format {{.Names}}={{.ExitCode}}"), "over=4\n");
    for (const filter of ["id=ov", "name=ove", "status=exited", "exited=4"]) {
      assert.equal(await person.sees(`ps -q --filter ${filter}`), "over\n", filter);
    }
    assert.equal(await person.sees("ps -q --filter label=for=test"), "web\n");
  },
  "`ps --no-trunc`": async (person) => {
    const words = Array.from({ length: 40 }, (_, index) => `word${index}`);
    await person.sees("create --name wide ROOTFS -- echo", ...words);
    const lineOf = async (...flags: string[]) => {
      await using terminal = person.sits("ps --filter name=wide", ...flags);
      assert.equal(await terminal.exited(), 0);
      return terminal.output.split("\r\n").find((line) => line.startsWith("wide"));
    };
    const cut = await lineOf() ?? "";
    assert(cut !== "" && cut.length <= 80 && !cut.includes("word39"), cut);
    assert.match(await lineOf("--no-trunc") ?? "", /word0 word1 .* word39/);
    await person.sees("rm wide");
  },
  "`ps -s`": async (person) => {
    await unknown("ps -s")(person);
    await person.sees("run --name sized --overlay ROOTFS -- sh -c", "echo text >/file");
    const [own] = Deno.readDirSync(`${person.daemon.root}/overlay/sized`);
    Deno.statSync(`${person.daemon.root}/overlay/sized/${own?.name}/upper/file`);
    await person.sees("rm sized");
  },
  "`start` `stop` `kill` `rm` `wait` `pause` `unpause`": async (person) => {
    await person.sees("pause web");
    assert.match(await person.sees("ps -f name=web"), /Up .*\(Paused\)/);
    await person.sees("unpause web");
    await person.sees("stop -t 0 web");
    await person.sees("start web");
    await person.sees("kill -s KILL web");
    const { code, stdout } = await person.types("wait web");
    assert.deepEqual([code, stdout], [0, "137\n"]);
    await person.sees("rm over");
    assert.equal(await person.sees("ps -q"), "web\n");
  },
  "`start` of one that has exited, `restart`": async (person) => {
    await person.sees("start web");
    const instance = await person.sees("inspect -f {{.instance}} web");
    await person.sees("restart -t 0 web");
    assert.equal(await person.sees("inspect -f {{.status}} web"), "running\n");
    assert.notEqual(await person.sees("inspect -f {{.instance}} web"), instance);
  },
  "`update --restart`": async (person) => {
    await person.sees("update --restart unless-stopped web");
    assert.equal(await person.sees("inspect -f {{.restart.policy}} web"), "unless-stopped\n");
    await person.sees("update --restart no web");
  },
  "`exec` `attach` `logs` `update`": async (person) => {
    assert.equal(await person.sees("exec -e A=1 web sh -c", "echo $A"), "1\n");
    await person.sees("update -m 128m web");
    assert.equal(await person.sees("inspect -f {{.resources.memory.limit}} web"), "134217728\n");
    await using terminal = person.sits("run -it --name tty -e PS1=ready ROOTFS -- sh");
    await terminal.shows("ready");
    terminal.type("\x10\x11");
    assert.equal(await terminal.exited(), 0);
    await using again = person.sits("attach tty");
    await until("an answer of the shell", () => {
      if (again.output.includes("back42")) return true;
      again.type("echo back$((6*7))\r");
      return false;
    }, { everyMs: 300 });
    again.type("exit\r");
    assert.equal(await again.exited(), 0);
    assert.match(await person.sees("logs -n 5 tty"), /back42/);
    await person.sees("rm tty");
  },
  "`exec --privileged`": async (person) => {
    const effective = async (...flags: string[]) => {
      const status = await person.sees(["exec", ...flags, "web cat /proc/self/status"].join(" "));
      return BigInt(`0x${/^CapEff:\s+(\w+)$/m.exec(status)?.[1]}`);
    };
    // capability(7): CAP_SYS_ADMIN is 21.
    assert.equal(await effective() >> 21n & 1n, 0n);
    const here = /^CapBnd:\s+(\w+)$/m.exec(Deno.readTextFileSync("/proc/self/status"));
    assert.equal(await effective("--privileged"), BigInt(`0x${here?.[1]}`));
  },
  "`container prune`": async (person) => {
    await person.sees("create --name made ROOTFS -- true");
    for (const name of ["over1", "over2", "other"]) {
      await person.sees(`run --name ${name} --label kind=${name.slice(0, 4)} ROOTFS -- true`);
    }
    await person.isRefused("container prune", /without a terminal/);
    assert.equal(await person.sees("container prune -f --filter label=kind=othe"), "other\n");
    await using terminal = person.sits("container prune");
    await terminal.shows(/over1\r\nover2\r\n[\s\S]*these 2 for good/);
    terminal.type("n\r");
    assert.equal(await terminal.exited(), 0);
    assert.equal(await person.sees("container prune -f"), "over1\nover2\n");
    assert.equal(await person.sees("container prune"), "");
    assert.equal(await person.sees("ps -q"), "made\nweb\n");
    await person.sees("rm -f made");
  },
  "`container ls`, `container rm` …": unknown("container ls", "container rm web"),
  "`system prune` `system df`": unknown("system prune", "system df"),
  "`-H` `context`": async (person) => {
    await unknown("-H ssh://host ps", "context ls")(person);
    assert.equal(await person.sees(`ps -q --socket ${person.daemon.socket}`), "web\n");
    await person.isRefused("ps --socket /nonesuch", /nonesuch/);
  },
  "`cp`": async (person) => {
    const { dir } = person.daemon;
    Deno.writeTextFileSync(`${dir}/in`, "text");
    await person.sees("cp in web:/run/copy");
    await person.sees("cp web:/run/copy out");
    assert.equal(Deno.readTextFileSync(`${dir}/out`), "text");
    assert.match(await person.sees("cp web:/run/copy -"), /^copy\0/);
  },
  "`top ID`, `stats`": async (person) => {
    assert.match(await person.sees("top web"), /^ *UID +PID .* CMD\n[\s\S]*sleep/);
    await using top = person.sits("top");
    await top.shows(/web +running/);
    top.type("q");
    assert.equal(await top.exited(), 0);
    await using stats = person.sits("stats");
    await stats.shows(/CPU %[\s\S]*web/);
    // Each table is drawn over the one before.
    await stats.shows("\x1b[2A");
    stats.type("\x03");
    assert.equal(await stats.exited(), 130);
  },
  "`inspect`": async (person) => {
    const { id, spec } = JSON.parse(await person.sees("inspect --spec web"));
    assert.deepEqual([id, spec.process.args[0]], ["web", "sh"]);
  },
  "`inspect --format`": async (person) => {
    assert.equal(await person.sees("inspect --format {{.status}} web"), "running\n");
  },
  "`--format` of `stats` `images` `events` `info`": async (person) => {
    assert.match(await person.sees("stats --no-stream --format {{.ID}}={{.PIDs}}"), /^web=\d+/);
    assert.match(await person.sees("info --format {{.containers.running}}"), /^1\n$/);
    await using events = person.sits("events --after 0 --id web --format {{.type}};");
    await events.shows("start;");
    events.type("\x03");
    await events.exited();
  },
  "`events --since`": async (person) => {
    await using events = person.sits("events --after 0 --id web --type paused");
    await events.shows(/paused.* web /);
    events.type("\x03");
    assert.equal(await events.exited(), 130);
    await unknown("events --since 1h")(person);
  },
  "`info` `version`": async (person) => {
    assert.match(await person.sees("info"), /^Containers: +1 \(running 1/m);
    assert.match(await person.sees("version"), /^berth .*\ndaemon /);
  },
  "`rename`": async (person) => {
    await person.isRefused("rename web x", /web is running: stop it first/);
    await person.sees("run -d --name before ROOTFS -- echo hello");
    await person.sees("wait before");
    assert.equal(await person.sees("rename before after"), "");
    assert.equal(await person.sees("logs after"), "hello\n");
    await person.sees("start after");
    await person.sees("wait after");
    await person.sees("rm after");
  },
  "`diff` `export`": unknown("diff web", "export web"),
  "`checkpoint`": async (person) => {
    assert.match(await person.sees("checkpoint --help"), /^Usage: berth checkpoint/);
    assert.match(await person.sees("restore --help"), /^Usage: berth restore/);
  },
  "`compose`": unknown("compose up"),
  completion: async (person) => {
    for (const shell of ["bash", "zsh", "fish"]) {
      assert.match(await person.sees(`completion ${shell}`), /berth/);
    }
    await isCompleted(person);
  },
  "`man docker`": async (person) => {
    assert.match(await person.sees("man"), /^\.TH /m);
    assert.match(await person.sees("man run"), /^\.TH "?BERTH.RUN/im);
    const prefix = `${person.daemon.dir}/usr`;
    const paths = (await person.sees(`install docs --prefix ${prefix}`)).trimEnd().split("\n");
    assert(paths.includes(`${prefix}/share/man/man1/berth-run.1`));
    for (const path of paths) assert(Deno.statSync(path).size > 0, path);
    await person.sees(`install docs --prefix ${prefix} --remove`);
    for (const path of paths) assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);
    await person.isRefused("install docs --dir /x", /--prefix/);
  },
};

/** Presses Tab in a bash that has read the completion. */
async function isCompleted(person: Person): Promise<void> {
  const { dir, socket } = person.daemon;
  using berth = new StandIn("berth", `exec ${shellProgram()} "$@"`);
  await using bash = new PtyProcess(["bash", "--norc", "--noprofile", "-i"], {
    env: { BERTH_SOCKET: socket, ...berth.env, PS1: "ready " },
    cwd: dir,
  });
  await bash.shows("ready ");
  bash.type('eval "$(berth completion bash)"; echo lo$((0))aded\r');
  await bash.shows("lo0aded");
  bash.type("berth insp\t");
  await bash.shows("berth inspect ");
  bash.type("w\t");
  await bash.shows(/berth inspect \S*web/);
  // Ctrl-U takes the line away.
  bash.type("\x15exit\r");
  await bash.exited();
}
