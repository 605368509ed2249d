// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cgroupArgs } from "../harness/images/images.ts";
import { until } from "../harness/poll.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { type Check, unknown } from "./docker_person_testing.ts";

/** The test of each row of the page, by its first cell. */
export const RUN_ROWS: Readonly<Record<string, Check>> = {
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
