// SPDX-License-Identifier: MIT
import { exists } from "../../linux/fs/exists.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { bundlePaths } from "../../oci/bundle_layout.ts";
import { readJson } from "../../oci/json_file.ts";
import type { BundlePaths, BundleRecord } from "../../oci/bundle_layout.ts";
import { writeExitRecord } from "../../oci/exit_record.ts";
import { exitOf, type ProcessExit } from "../../oci/process_exit.ts";
import { asRecord } from "../../rpc/is_record.ts";
import { parseJson, stringifyJson } from "../../rpc/json.ts";
import { Bundle, removeBundleDir } from "../bundle/bundle.ts";
import { mergeResources } from "../bundle/record_update.ts";
import { logFailure } from "../util/log_failure.ts";
import { AutoRemoveRecords } from "./auto_remove_records.ts";
import { definitionsDir, servicePath, writeDefinition } from "./definition_files.ts";
import type { Definition } from "./definition_files.ts";
import type { ServiceRecord } from "./service_record.ts";
import { logUnwritten, TolerantFiles } from "./tolerant_files.ts";

/**
 * The definitions of containers, `<root>/containers/<id>/`, which outlive a reboot. Each is a bundle
 * that no shim serves: `config.json` and `berth.json` of the last instance, `exit.json` if the
 * container is stopped and has no bundle of its own, and `service.json`. `berth.json` is written
 * last: without it there is no definition.
 *
 * A change that the disk does not take is logged and holds for as long as this daemon runs: a full disk
 * neither fails nor repeats what was done. The next change of the definition writes it, too.
 */
export class Definitions {
  readonly #dir: string;
  /** The records of containers that are to leave nothing. */
  readonly autoRemove: AutoRemoveRecords;
  readonly #services = new Map<string, ServiceRecord>();
  /** Services whose removal has begun: nothing is done with their containers any more. */
  readonly #withdrawn = new Map<string, ServiceRecord>();
  /** Records of last instances that this daemon has written, whether the disk has taken them or not. */
  readonly #records = new Map<string, BundleRecord>();
  readonly #files = new TolerantFiles();

  private constructor(root: string) {
    this.#dir = definitionsDir(root);
    this.autoRemove = new AutoRemoveRecords(root);
  }

  /** Reads the definitions below the root directory, but for ids of which `isPartial` says so. */
  static open(root: string, isPartial: (id: string) => boolean = () => false): Definitions {
    const definitions = new Definitions(root);
    definitions.#load(isPartial);
    return definitions;
  }

  #load(isPartial: (id: string) => boolean): void {
    Deno.mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    for (const { name, isDirectory } of Deno.readDirSync(this.#dir)) {
      if (!isDirectory || isPartial(name)) continue;
      try {
        this.#loadOne(name);
      } catch (error) {
        logFailure(
          "error",
          "container",
          "cannot read the definition {dir}, left alone until a forced delete of {id}: {reason}",
          error,
          { dir: this.dir(name), id: name },
        );
      }
    }
  }

  #loadOne(id: string): void {
    const service = readJson<ServiceRecord>(servicePath(this.dir(id)));
    if (Bundle.read(this.dir(id)) === undefined || service === undefined) {
      removeBundleDir(this.dir(id));
    } else {
      (service.withdrawn ? this.#withdrawn : this.#services).set(id, service);
    }
  }

  /** Takes over that the files of a definition have been moved to another id. */
  loadRenamed(from: string, to: string): void {
    this.#services.delete(from);
    this.#records.delete(from);
    this.#files.forget(from);
    this.#loadOne(to);
  }

  /** Returns the containers that are defined. */
  ids(): string[] {
    return [...this.#services.keys()];
  }

  /** Returns whether the container is defined. */
  has(id: string): boolean {
    return this.#services.has(id);
  }

  /** Returns the record of the service of a container; undefined where it is not defined. */
  service(id: string): ServiceRecord | undefined {
    return this.#services.get(id);
  }

  /** Returns whether a container that has no bundle any more is still there: one that was started. */
  keeps(id: string): boolean {
    const service = this.#services.get(id);
    return service !== undefined && (service.started || service.next !== undefined);
  }

  /** Returns the directory of a definition. */
  dir(id: string): string {
    return `${this.#dir}/${id}`;
  }

  #paths(id: string): BundlePaths {
    return bundlePaths(this.dir(id));
  }

  /**
   * Returns the definition as a bundle that no shim serves.
   *
   * @throws {Error} if it is not there any more, or damaged.
   */
  bundle(id: string): Bundle {
    const record = this.#records.get(id);
    const bundle = record === undefined
      ? Bundle.read(this.dir(id))
      : Bundle.of(this.dir(id), record);
    if (bundle === undefined) throw new Error(`there is no definition ${this.dir(id)}`);
    return bundle;
  }

  /**
   * Reads a whole definition.
   *
   * @throws {Error} if the container is not defined.
   */
  read(id: string): Definition {
    const service = this.#services.get(id);
    const { record } = this.bundle(id);
    const spec = this.#spec(id);
    if (service === undefined || spec === undefined) throw new Error(`${id} is not defined`);
    return { spec, record, service };
  }

  #spec(id: string): Record<string, unknown> | undefined {
    const { config } = this.#paths(id);
    const unwritten = this.#files.unwritten(id, config);
    if (unwritten === undefined) return readJson<Record<string, unknown>>(config);
    return asRecord(parseJson(unwritten));
  }

  /** Writes a definition, in the place of one that is there. */
  write(definition: Definition): void {
    const { record: { id }, service } = definition;
    try {
      writeDefinition(this.dir(id), definition);
    } catch (error) {
      this.remove(id);
      throw error;
    }
    // Texts that the disk has not taken belong to the definition before, and must not replace this one.
    this.#records.delete(id);
    this.#files.forget(id);
    this.#services.set(id, service);
  }

  /** Records the instance that the container is now. */
  setRecord(record: BundleRecord): void {
    const { id } = record;
    if (!this.has(id)) return;
    this.#records.set(id, record);
    this.#files.write(id, this.#paths(id).record, stringifyJson(record));
  }

  /** Records new limits of the container; see {@linkcode mergeResources}. */
  setResources(id: string, resources: Readonly<Record<string, unknown>>): void {
    const spec = this.#spec(id);
    if (spec === undefined || !this.has(id)) return;
    const text = stringifyJson(mergeResources(spec, resources));
    this.#files.write(id, this.#paths(id).config, text);
  }

  /** Records how the last instance, of which nothing else is left, has ended. */
  setExit(record: BundleRecord, exit: ProcessExit, pid: number): void {
    const { id, instance } = record;
    try {
      if (this.bundle(id).record.instance !== instance) this.setRecord(record);
      writeExitRecord(this.#paths(id).exitRecord, {
        instance,
        pid,
        ...exitOf(exit),
      });
    } catch (error) {
      logUnwritten(id, error);
    }
  }

  /** Changes the daemon's orders for a container that is defined. */
  update(id: string, change: Partial<ServiceRecord>): void {
    const before = this.#services.get(id);
    if (before === undefined) return;
    const service = { ...before, ...change };
    if (stringifyJson(service) === stringifyJson(before)) return;
    this.#services.set(id, service);
    this.#writeService(id, service);
  }

  /** Returns the containers whose removal has begun. */
  withdrawnIds(): string[] {
    return [...this.#withdrawn.keys()];
  }

  /** Makes a definition undefined for as long as the removal of its container goes on. */
  withdraw(id: string): void {
    const service = this.#services.get(id);
    if (service === undefined) return;
    this.#services.delete(id);
    this.#withdrawn.set(id, service);
    this.#writeService(id, { ...service, withdrawn: true });
  }

  /** Takes {@linkcode withdraw} back. */
  restore(id: string): void {
    const service = this.#withdrawn.get(id);
    if (service === undefined) return;
    this.#withdrawn.delete(id);
    const restored = { ...service, withdrawn: undefined };
    this.#services.set(id, restored);
    this.#writeService(id, restored);
  }

  #writeService(id: string, service: ServiceRecord): void {
    this.#files.write(id, servicePath(this.dir(id)), stringifyJson(service));
  }

  /** Removes a definition, if it is there. */
  remove(id: string): void {
    this.#services.delete(id);
    this.#withdrawn.delete(id);
    this.#records.delete(id);
    this.#files.forget(id);
    // Most containers have none.
    if (!exists(this.dir(id))) return;
    // First, so that a part of a definition is none.
    removeFile(this.#paths(id).record);
    removeBundleDir(this.dir(id));
  }
}
