// SPDX-License-Identifier: MIT
import { writeScript } from "../stand_in.ts";
import { findCommand } from "../../../scripts/system_packages.ts";
import { until } from "../poll.ts";
import { uniqueName } from "../run.ts";

/** One recorded call of the runtime. */
export interface RecordedCall {
  /** `create`, `start`, … */
  readonly subcommand: string;
  /** Its whole argv, without the runtime's own name. */
  readonly args: readonly string[];
}

/** When and for whom a rule holds. */
export interface RuleOptions {
  /** Only for calls that name this container. */
  readonly id?: string;
  /** Only for the first call that it fits. */
  readonly once?: boolean;
  /** After the real runtime has done its work instead of before. */
  readonly after?: boolean;
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * A runtime that records each call and does what the rules say before it hands over to the real
 * one. Rules are shell text in files, read at each call, so they may change while a daemon runs.
 */
export class RuntimeWrapper {
  /** The path to give as `runtime`. */
  readonly path: string;
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
    this.path = `${dir}/runtime`;
  }

  /** Makes one in a new directory below `parent`, in front of `real`, a command in PATH. */
  static create(parent: string, real = "runc"): RuntimeWrapper {
    const path = findCommand(real);
    if (path === undefined) throw new Error(`${real} is missing; deno task test installs it`);
    const wrapper = new RuntimeWrapper(`${parent}/${uniqueName("runtime")}`);
    Deno.mkdirSync(wrapper.#dir, { recursive: true });
    Deno.writeTextFileSync(`${wrapper.#dir}/calls`, "");
    writeScript(wrapper.path, script(wrapper.#dir, path));
    return wrapper;
  }

  /** The section of a daemon's config that names it; more keys of that section may follow. */
  get config(): string {
    return `[runtime]\nruntime = ${JSON.stringify(this.path)}\n`;
  }

  /** Runs shell text at each call of `subcommand`; it sees `$dir $sub $log $status` and `"$@"`. */
  rule(subcommand: string, text: string, options: RuleOptions = {}): void {
    const { id, once = false, after = false } = options;
    const file = `${this.#dir}/${subcommand}.${after ? "after" : "before"}`;
    const body = `${once ? `rm -f ${quote(file)}\n` : ""}record\n${text}\n`;
    const guarded = id === undefined
      ? body
      : `case " $* " in *${quote(` ${id} `)}*)\n${body};;\nesac\n`;
    Deno.writeTextFileSync(`${file}.draft`, guarded);
    Deno.renameSync(`${file}.draft`, file);
  }

  /** Takes the rules of one subcommand back, or all of them. */
  clear(subcommand?: string): void {
    for (const { name } of [...Deno.readDirSync(this.#dir)]) {
      const match = /^(.+)\.(?:before|after)$/.exec(name);
      if (match === null || (subcommand !== undefined && match[1] !== subcommand)) continue;
      Deno.removeSync(`${this.#dir}/${name}`);
    }
  }

  /** Lets the call fail with `message`, in the runtime's log as well as on stderr. */
  fail(subcommand: string, message: string, options: RuleOptions = {}): void {
    const line = JSON.stringify({ level: "error", msg: message, time: "2000-01-01T00:00:00Z" });
    const text = `[ -z "$log" ] || printf '%s\\n' ${quote(line)} >>"$log"\n` +
      `printf '%s\\n' ${quote(message)} >&2\nexit 1`;
    this.rule(subcommand, text, options);
  }

  /** Lets the call take `milliseconds` longer. */
  delay(subcommand: string, milliseconds: number, options: RuleOptions = {}): void {
    this.rule(subcommand, `sleep ${milliseconds / 1000}`, options);
  }

  /** Lets the call hang until the answered function is called. */
  hang(subcommand: string, options: RuleOptions = {}): () => void {
    const gate = `${this.#dir}/${uniqueName("gate")}`;
    Deno.writeTextFileSync(gate, "");
    this.rule(subcommand, `while [ -e ${quote(gate)} ]; do sleep 0.02; done`, options);
    return () => {
      try {
        Deno.removeSync(gate);
      } catch (error) {
        // Called twice, or the directory is gone with its test.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    };
  }

  /** Lets the call kill -9 a process first: the one that called it (a shim), or `pid`. */
  kill(subcommand: string, pid: number | "parent", options: RuleOptions = {}): void {
    this.rule(subcommand, `kill -9 ${pid === "parent" ? '"$PPID"' : pid}`, options);
  }

  /** The calls so far, in order. */
  calls(subcommand?: string): RecordedCall[] {
    // What follows the last newline is a call that is being recorded.
    return Deno.readTextFileSync(`${this.#dir}/calls`).split("\n").slice(0, -1)
      .map((line) => line.split("\x1f"))
      .map(([sub = "", ...args]) => ({ subcommand: sub, args }))
      .filter((call) => subcommand === undefined || call.subcommand === subcommand);
  }

  /** Waits until `subcommand` was called `count` times in all. */
  async called(subcommand: string, count = 1): Promise<void> {
    await until(
      `${count} call(s) of the runtime's ${subcommand}`,
      () => this.calls(subcommand).length >= count,
    );
  }
}

/**
 * Each call is one short append, so lines of calls at the same time do not mix (write(2)). A rule that
 * is taken back between two steps is as one that was never there: `.` would end the script. A call is
 * recorded once its rule is read, and taken back where that holds once: who waits for the call may
 * change the rules.
 */
function script(dir: string, real: string): string {
  return `dir=${quote(dir)}
real=${quote(real)}
sub= log= option=
for argument in "$@"; do
  case $option in
    --log) log=$argument ;;
  esac
  if [ -n "$option" ]; then option=; continue; fi
  case $argument in
    --root | --log | --log-format | --criu | --rootless) option=$argument ;;
    --log=*) log=\${argument#--log=} ;;
    -*) ;;
    *) sub=$argument; break ;;
  esac
done
line=$sub
for argument in "$@"; do line="$line$(printf '\\037')$argument"; done
record() {
  [ -z "$line" ] || printf '%s\\n' "$line" >>"$dir/calls"
  line=
}
if [ -e "$dir/$sub.before" ] && rule=$(cat "$dir/$sub.before" 2>/dev/null); then eval "$rule"; fi
record
if [ ! -e "$dir/$sub.after" ]; then exec "$real" "$@"; fi
"$real" "$@"
status=$?
if rule=$(cat "$dir/$sub.after" 2>/dev/null); then eval "$rule"; fi
exit "$status"`;
}
