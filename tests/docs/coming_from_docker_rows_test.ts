// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { StandIn } from "../harness/stand_in.ts";
import { ARCHITECTURE } from "../../src/images/image_config.ts";
import { cli, type CliResult, rootfsArgs } from "../harness/cli.ts";
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
import { until } from "../harness/poll.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { program, shellProgram } from "../harness/run.ts";
import { networkTest, TestNetwork } from "../harness/network/test_network.ts";

/** A person at a shell whose berth is the one under test. */
class Person {
  readonly daemon: TestDaemon;

  constructor(daemon: TestDaemon) {
    this.daemon = daemon;
  }

  /** Types a line; ROOTFS in it is where the tests' root filesystem and cgroup are. */
  async types(line: string, ...more: string[]): Promise<CliResult> {
    return await cli(this.daemon, this.#words(line, more), { cwd: this.daemon.dir });
  }

  /** Types a line that has to succeed, and returns what it printed. */
  async sees(line: string, ...more: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.types(line, ...more);
    assert.equal(code, 0, `${line}: ${stderr}`);
    return stdout;
  }

  /** Types a line that berth has to refuse with this message. */
  async isRefused(line: string, message: RegExp): Promise<void> {
    const { code, stderr } = await this.types(line);
    assert.equal(code, 125, line);
    assert.match(stderr, message, line);
  }

  /** Types a line at a terminal. */
  sits(line: string, ...more: string[]): PtyProcess {
    return new PtyProcess([...program(), ...this.#words(line, more)], {
      env: { BERTH_SOCKET: this.daemon.socket, PATH: Deno.env.get("PATH") ?? "" },
      cwd: this.daemon.dir,
      width: 80,
      height: 24,
    });
  }

  #words(line: string, more: readonly string[]): string[] {
    const words = line.split(" ")
      .flatMap((word) => word === "ROOTFS" ? rootfsArgs(this.daemon) : [word]);
    return [...words, ...more];
  }
}

type Check = (person: Person) => Promise<void>;

const UNKNOWN = /unknown (option|command)/;

/** Makes a check that berth has none of these. */
function unknown(...lines: string[]): Check {
  return async (person) => {
    for (const line of lines) await person.isRefused(line, UNKNOWN);
  };
}

/** What each row of the page comes to, by its first cell. */
const RUN_ROWS: Readonly<Record<string, Check>> = {
  "a writable layer per container": async (person) => {
    const script = "echo x >/file && cat /file";
    assert.equal(await person.sees("run --rm --overlay ROOTFS -- sh -c", script), "x\n");
    assert.throws(() => Deno.statSync(`${rootfsDir()}/file`), Deno.errors.NotFound);
  },
  "`--name web`": async (person) => {
    assert.equal(await person.sees("ps -q --filter name=we"), "web\n");
  },
  "`-d` `-i` `-t` `--rm` `--init` `--entrypoint`": async (person) => {
    await using terminal = person.sits(
      ...["run -it --rm --name tty -e PS1=ready ROOTFS --entrypoint sh", "--", "-i"] as const,
    );
    await terminal.shows("ready");
    terminal.type("tty; exit 3\r");
    assert.equal(await terminal.exited(), 3);
    assert.match(terminal.output, /\/dev\/(pts\/0|console)/);
    assert.equal(await person.sees("ps -q -f name=tty"), "");
    // What it does with one of these installed is shown in cli_options_test.ts.
    const { code, stderr } = await person.types("run --rm --init ROOTFS -- true");
    if (code !== 0) assert.match(stderr, /install the package catatonit/);
  },
  "`-e` `--env-file` `-w` `-u` `--group-add`": async (person) => {
    Deno.writeTextFileSync(`${person.daemon.dir}/env`, "B=from file\n# none\n");
    const line = "run --rm -e A=1 --env-file env -w /tmp -u 1:2 --group-add 7 ROOTFS -- sh -c";
    assert.equal(
      await person.sees(line, 'echo "$A $B"; pwd; id -u; id -g; id -G'),
      "1 from file\n/tmp\n1\n2\n2 7\n",
    );
  },
  "`-v /abs:/dst[:ro]`": async (person) => {
    const { dir } = person.daemon;
    Deno.mkdirSync(`${dir}/data`);
    await person.sees(`run --rm -v ${dir}/data:/mnt ROOTFS -- touch /mnt/made`);
    Deno.statSync(`${dir}/data/made`);
    const { code, stderr } = await person.types(
      `run --rm -v ${dir}/data:/mnt:ro ROOTFS -- touch /mnt/no`,
    );
    assert.equal(code, 1);
    assert.match(stderr, /Read-only/);
    await person.isRefused(`run --rm -v ${dir}/none:/mnt ROOTFS -- true`, /none/);
  },
  "`-v /dst`, `--mount type=volume,dst=/dst`": async (person) => {
    // As in docker, a volume begins with what is at its place, and another mount there goes before it.
    await person.sees(
      "create --name kept --overlay -v /bin -v /data -v /tmp --tmpfs /tmp " +
        "--mount type=volume,target=/fixed,ro ROOTFS -- sh -c",
      "echo run >>/data/own; cat /data/own; touch /fixed/x || grep -c volumes /proc/self/mountinfo",
    );
    for (const round of [1, 2]) {
      await person.sees("start kept");
      assert.equal(await person.sees("wait kept"), "0\n");
      const lines = (await person.sees("logs --stream stdout kept")).split("\n");
      assert.deepEqual(lines.slice(-2 - round), [...Array(round).fill("run"), "3", ""]);
    }
    const dir = `${person.daemon.root}/volumes/kept`;
    assert.equal([...Deno.readDirSync(dir)].length, 1);
    await person.sees("rm -v kept");
    assert.throws(() => Deno.statSync(dir), Deno.errors.NotFound);
  },
  "`-v name:/dst`, `volume …`": async (person) => {
    await person.isRefused("run --rm -v name:/mnt ROOTFS -- true", /name/);
    await unknown("volume ls")(person);
  },
  "`--mount type=bind` and `type=tmpfs`": async (person) => {
    const { dir } = person.daemon;
    const mounts = await person.sees(
      `run --rm --mount type=bind,src=${dir},dst=/mnt,readonly ` +
        "--mount type=tmpfs,dst=/tmp,tmpfs-size=1m --mount type=tmpfs,dst=/run,options=ro:nosuid " +
        "ROOTFS -- cat /proc/mounts",
    );
    assert.match(mounts, /^\S+ \/mnt \S+ ro,/m);
    assert.match(mounts, /^\S+ \/tmp tmpfs \S*size=1024k/m);
    assert.match(mounts, /^\S+ \/run tmpfs ro,\S*nosuid/m);
  },
  "`--tmpfs` `--shm-size` `--device` `--read-only`": async (person) => {
    const seen = await person.sees(
      "run --rm --read-only --tmpfs /run:size=1m --shm-size 2m --device /dev/null:/dev/mine " +
        "ROOTFS -- sh -c",
      "cat /proc/mounts; ls -l /dev/mine; touch /run/x; touch /x 2>&1 || echo failed",
    );
    assert.match(seen, /^\S+ \/run tmpfs \S*size=1024k/m);
    assert.match(seen, /^\S+ \/dev\/shm tmpfs \S*size=2048k/m);
    assert.match(seen, /^crw.* 1, +3 .*\/dev\/mine$/m);
    assert.match(seen, /failed\n$/);
  },
  "`--ulimit` `--sysctl`": async (person) => {
    const script = "ulimit -Sn; ulimit -Hn; cat /proc/sys/kernel/msgmax";
    assert.equal(
      await person.sees(
        "run --rm --ulimit nofile=100:200 --sysctl kernel.msgmax=4096 ROOTFS -- sh -c",
        script,
      ),
      "100\n200\n4096\n",
    );
    const [soft, hard] = (await person.sees("run --rm ROOTFS -- sh -c", script)).split("\n");
    assert.equal(Number(soft), Math.min(Number(hard), 1_048_576));
  },
  "`-m` `--cpus` `--cpuset-cpus` `--pids-limit` …": async (person) => {
    await person.sees(
      "create --name limits -m 64m --cpus 0.5 --cpuset-cpus 0 --pids-limit 50 ROOTFS -- true",
    );
    const format = "{{.memory.limit}} {{.cpu.quota}}/{{.cpu.period}} {{.cpu.cpus}} {{.pids.limit}}";
    assert.equal(
      await person.sees("inspect -f", `{{with .resources}}${format}{{end}}`, "limits"),
      "67108864 50000/100000 0 50\n",
    );
    await person.sees("rm -f limits");
  },
  "`--cap-add` `--cap-drop` `--privileged`": async (person) => {
    const caps = async (flags: string) => {
      const seen = await person.sees(`run --rm ${flags} ROOTFS -- cat /proc/self/status`);
      return BigInt(`0x${/^CapEff:\s+(\w+)$/m.exec(seen)?.[1]}`);
    };
    // capability(7): CAP_NET_ADMIN is 12.
    assert.equal(await caps("--cap-drop all --cap-add net_admin"), 1n << 12n);
    assert(await caps("--privileged") > await caps("--cap-drop chown"));
  },
  "`--security-opt`": async (person) => {
    const seen = await person.sees(
      "run --rm --security-opt no-new-privileges --security-opt seccomp=unconfined " +
        "ROOTFS -- cat /proc/self/status",
    );
    assert.match(seen, /^NoNewPrivs:\s+1$/m);
    assert.match(seen, /^Seccomp:\s+0$/m);
  },
  "`-P`, `-p 80`, `network create`, DNS names": async (person) => {
    await unknown("run -P ROOTFS -- true", "network create x")(person);
    await person.isRefused("run -p 80 ROOTFS -- true", /80/);
  },
  "`-h` `--add-host` `--dns` `--dns-search` …": async (person) => {
    const seen = await person.sees(
      "run --rm -h box --add-host db:10.0.0.9 --dns 10.1.1.1 --dns-search lan ROOTFS -- sh -c",
      "hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf",
    );
    assert.match(seen, /^box\nbox\n/);
    assert.match(seen, /^10\.0\.0\.9\s+db$/m);
    assert.match(seen, /^\S+\s+box$/m);
    assert.match(seen, /^nameserver 10\.1\.1\.1$/m);
    assert.match(seen, /^search lan$/m);
  },
  "`--pid` `--ipc` `--uts`: `host`, `container:ID`": async (person) => {
    const seen = await person.sees(
      "run --rm --pid container:web --ipc container:web --uts host ROOTFS -- sh -c",
      "hostname; cat /proc/1/cmdline; echo; ls -l /proc/self/ns/ipc | grep -o ipc:.*",
    );
    const [host, command = "", space] = seen.split("\n");
    assert.equal(host, Deno.hostname());
    assert.match(command, /^sh\0-c/);
    assert.equal(`${space}\n`, await person.sees("exec web readlink /proc/self/ns/ipc"));
  },
  "`--stop-signal` `--stop-timeout`": async (person) => {
    const script = "trap 'exit 9' USR1; echo ready; while :; do sleep 0.1; done";
    await person.sees(
      ...["run -d --name stops --stop-signal USR1 --stop-timeout 60 ROOTFS -- sh -c", script],
    );
    await until("the trap", async () => (await person.sees("logs stops")).includes("ready"));
    await person.sees("stop stops");
    assert.equal(await person.sees("inspect -f {{.exitStatus}} stops"), "9\n");
    assert.equal(
      await person.sees("inspect -f", "{{.stopSignal}} {{.stopTimeout}}", "stops"),
      "USR1 60\n",
    );
    await person.sees("rm stops");
  },
  "`--log-driver` `--log-opt max-size` `max-file`": async (person) => {
    await person.sees(
      "run -d --name logs --log-driver cri --log-opt max-size=64k --log-opt max-file=2 " +
        "ROOTFS -- sh -c",
      "seq 20000; echo end",
    );
    await until("the log", async () => (await person.sees("logs logs")).endsWith("end\n"));
    const kept = await person.sees("logs logs");
    assert.doesNotMatch(kept, /^1\n/);
    await person.sees("rm -f logs");
    await person.isRefused("run --log-driver journald ROOTFS -- true", /cri.*raw.*none/);
    await person.isRefused(
      "run --log-driver raw --log-opt max-size=1m ROOTFS -- true",
      /--log-opt max-size: the log driver raw has no such option/,
    );
  },
  "`--label` `--label-file` `--annotation` `--cidfile`": async (person) => {
    Deno.writeTextFileSync(`${person.daemon.dir}/labels`, "tier=front\n");
    await person.sees(
      "create --name marked --label a=b --label-file labels --annotation org.x=y " +
        "--cidfile cid ROOTFS -- true",
    );
    assert.equal(Deno.readTextFileSync(`${person.daemon.dir}/cid`).trim(), "marked");
    assert.equal(
      await person.sees(
        "inspect --spec -f",
        [
          ...["{{.labels.a}}", "{{.labels.tier}}", '{{index .spec.annotations "org.x"}}'],
        ].join(),
        "marked",
      ),
      "b,front,y\n",
    );
    await person.sees("rm -f marked");
  },
  "`--restart`": async (person) => {
    await person.sees("run -d --name again --restart on-failure:1 ROOTFS -- sh -c", "exit 3");
    const format = "{{.restart.policy}} {{.restartCount}} {{.status}}";
    await until(
      "the restart",
      async () => await person.sees("inspect -f", format, "again") === "on-failure 1 stopped\n",
    );
    await person.sees("rm -f again");
  },
  "`--detach-keys` `--sig-proxy=false`": async (person) => {
    await using terminal = person.sits(
      "run -it --name keys --detach-keys ctrl-x,x -e PS1=ready ROOTFS -- sh",
    );
    await terminal.shows("ready");
    terminal.type("\x18x");
    assert.equal(await terminal.exited(), 0);
    assert.equal(await person.sees("inspect -f {{.status}} keys"), "running\n");
    await person.sees("rm -f keys");

    const script = "trap 'exit 7' INT; while :; do echo up; sleep 0.1; done";
    const run = "run --sig-proxy=false --name quiet ROOTFS -- sh -c";
    for (const words of [[run, script], ["attach --sig-proxy=false quiet"]] as const) {
      const [line, ...more] = words;
      await using left = person.sits(line, ...more);
      await left.shows("up");
      left.type("\x03");
      assert.equal(await left.exited(), 130, line);
      assert.equal(await person.sees("inspect -f {{.status}} quiet"), "running\n");
    }
    await person.sees("rm -f quiet");
  },
  "`-a stdout`": unknown("run -a stdout ROOTFS -- true"),
  "`--volumes-from` `--expose`": unknown(
    ...["run --volumes-from web ROOTFS -- true", "run --expose 80 ROOTFS -- true"],
  ),
  "`--cgroup-parent` `--runtime`": async (person) => {
    // The tests' own arguments have a parent.
    const [, parent = ""] = cgroupArgs(person.daemon);
    const pid = (await person.sees("inspect -f {{.pid}} web")).trim();
    assert(Deno.readTextFileSync(`/proc/${pid}/cgroup`).includes(`${parent}/`));
    await person.sees("create --name engine --runtime runc ROOTFS -- true");
    assert.match(await person.sees("inspect -f {{.runtime}} engine"), /\brunc\n$/);
    await person.sees("rm -f engine");
    await person.isRefused("run --runtime nosuch ROOTFS -- true", /nosuch/);
  },
  "`--cgroupns`": async (person) => {
    await unknown("run --cgroupns host ROOTFS -- true")(person);
    const own = await person.sees("run --rm ROOTFS -- readlink /proc/self/ns/cgroup");
    assert.notEqual(own.trim(), Deno.readLinkSync("/proc/self/ns/cgroup"));
  },
  "`--health-*`": unknown("run --health-cmd x ROOTFS -- true"),
  "`--userns`": async (person) => {
    const map = (flag: string) => person.sees(`run --rm ${flag} ROOTFS -- cat /proc/self/uid_map`);
    assert.match(await map("--userns host"), /^ +0 +0 /);
    await person.isRefused("run --userns nobody ROOTFS -- true", /host, auto/);
  },
  "`--gpus` `--blkio-*` `--oom-*` `--memory-swappiness`": unknown(
    "run --memory-swappiness 0 ROOTFS -- true",
    ...["run --gpus all ROOTFS -- true", "run --blkio-weight 1 ROOTFS -- true"],
    "run --oom-kill-disable ROOTFS -- true",
  ),
};

const LOOK_ROWS: Readonly<Record<string, Check>> = {
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

/** Someone who has images, an archive of one called `NAME`, and a registry that wants a password. */
interface ImagePerson extends Person {
  readonly archive: string;
  readonly registry: TestRegistry;
  /** What skopeo is given to find its file of credentials, and no other's. */
  readonly env: Readonly<Record<string, string>>;
}

type ImageCheck = (person: ImagePerson) => Promise<void>;

const NAME = "example.org/app:1";

/** The rows are typed in the order of the page: the later ones take what the earlier ones left. */
const IMAGE_ROWS: Readonly<Record<string, ImageCheck>> = {
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
    await run(login, env);
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
