// SPDX-License-Identifier: MIT
import { AlreadyExistsError, type BerthError, NotFoundError } from "../rpc/errors.ts";
import type { Bundle } from "./bundle/bundle.ts";
import type { ConnectedShim } from "./shims/shim_manager.ts";
import type { ManagedContainer } from "./container/managed_container.ts";

/** A create that is under way, or another call that keeps an id taken. */
interface UnderWay {
  /** Its container, once that has begun. */
  container?: ManagedContainer;
  /** Resolved when the create has ended, however it did. */
  readonly ended: PromiseWithResolvers<void>;
}

/** The containers of one state directory, by id. */
export class ContainerRegistry implements Iterable<ManagedContainer> {
  readonly #containers = new Map<string, ManagedContainer>();
  /** Ids whose create is under way: taken, but not there yet. */
  readonly #creating = new Map<string, UnderWay>();

  /** How many containers there are. */
  get size(): number {
    return this.#containers.size;
  }

  /** Returns every container, in the order of their creation. */
  [Symbol.iterator](): Iterator<ManagedContainer> {
    return this.#containers.values();
  }

  /**
   * Finds a container.
   *
   * @throws {NotFoundError} if there is none of this id, or another one than that of `instance`.
   */
  get(id: string, instance?: string): ManagedContainer {
    const container = this.#containers.get(id);
    if (container === undefined) {
      throw new NotFoundError(`no container ${id}`, { data: { id } });
    }
    if (instance !== undefined && instance !== container.bundle.record.instance) {
      throw new NotFoundError(`container ${id} has been recreated (another instance)`, {
        data: { id },
      });
    }
    return container;
  }

  /** Finds a container, if there is one of this id. */
  find(id: string): ManagedContainer | undefined {
    return this.#containers.get(id);
  }

  /** Adds a container that was found. */
  add(container: ManagedContainer): void {
    this.#containers.set(container.id, container);
  }

  /**
   * Throws if the id is taken.
   *
   * @throws {AlreadyExistsError}
   */
  checkFree(id: string): void {
    if (!this.isTaken(id)) return;
    throw new AlreadyExistsError(`container ${id} exists already`, { data: { id } });
  }

  /**
   * Keeps an id taken until the result is disposed.
   *
   * @throws {AlreadyExistsError} if the id is taken.
   */
  reserve(id: string): Disposable {
    this.checkFree(id);
    return this.#take(id);
  }

  /** Puts a container under its new id in the place of the one that has the old id. */
  rename(from: string, renamed: ManagedContainer): void {
    this.#containers.delete(from);
    this.add(renamed);
  }

  /** Returns whether the instance is that of a container, whatever its id is. */
  hasInstance(instance: string): boolean {
    return [...this].some(({ bundle: { record } }) => record.instance === instance);
  }

  /** Keeps the id taken while `create` makes its container, which gives it to `begun` before that. */
  async create(
    id: string,
    create: (begun: (container: ManagedContainer) => void) => Promise<ManagedContainer>,
  ): Promise<ManagedContainer> {
    this.checkFree(id);
    return await this.recreate(id, create);
  }

  /** Puts the container that `create` makes in the place of the one that has the id. */
  async recreate(
    id: string,
    create: (begun: (container: ManagedContainer) => void) => Promise<ManagedContainer>,
  ): Promise<ManagedContainer> {
    using taken = this.#take(id);
    const container = await create((begun) => taken.container = begun);
    this.add(container);
    return container;
  }

  /** Keeps an id taken until the result is disposed. */
  #take(id: string): UnderWay & Disposable {
    const taken: UnderWay & Disposable = {
      ended: Promise.withResolvers<void>(),
      [Symbol.dispose]: () => {
        this.#creating.delete(id);
        taken.ended.resolve();
      },
    };
    this.#creating.set(id, taken);
    return taken;
  }

  /** Returns whether the id is that of a container, or of one whose create is under way. */
  isTaken(id: string): boolean {
    return this.#containers.has(id) || this.#creating.has(id);
  }

  /**
   * Cancels the create of a container of this id, if one is under way, and returns a promise of its end.
   * Returns undefined if none is, or that of another instance than `instance`.
   */
  cancelCreate(id: string, reason: BerthError, instance?: string): Promise<void> | undefined {
    const { container, ended } = this.#creating.get(id) ?? {};
    if (container === undefined) return undefined;
    if (instance !== undefined && container.bundle.record.instance !== instance) return undefined;
    container.cancelCreate(reason);
    return ended?.promise;
  }

  /** Returns the connected shim of a container of this group, if there is one. */
  shimOfGroup(group: string): ConnectedShim | undefined {
    for (const container of this.#all()) {
      if (container.bundle.record.group !== group) continue;
      const { client, shimPid } = container.life;
      if (client !== undefined) return { client, pid: shimPid };
    }
    return undefined;
  }

  /**
   * Returns the container, there or under way, whose cgroup is at this path, above it or below it.
   */
  inCgroup(cgroupsPath: string): ManagedContainer | undefined {
    for (const container of this.#all()) {
      const other = container.bundle.record.cgroupsPath;
      if (other !== undefined && overlap(other, cgroupsPath)) return container;
    }
    return undefined;
  }

  /** Returns every container, then those whose create is under way. */
  *#all(): Generator<ManagedContainer> {
    yield* this;
    for (const { container } of this.#creating.values()) {
      if (container !== undefined) yield container;
    }
  }

  /** A failed create has left something that is still being removed; the id is not free yet. */
  cleanupPending({ id }: Bundle): void {
    const container = this.#creating.get(id)?.container;
    if (container !== undefined) this.#containers.set(id, container);
  }

  /**
   * The bundle is gone. What `successor` makes of its container has the id from now on; where that is
   * nothing the id is free.
   */
  released(
    bundle: Bundle,
    successor: (container: ManagedContainer) => ManagedContainer | undefined,
  ): void {
    const container = this.#containers.get(bundle.id);
    if (container?.bundle !== bundle) return;
    const next = successor(container);
    if (next === undefined) this.#containers.delete(bundle.id);
    else this.#containers.set(bundle.id, next);
  }
}

/** Returns whether a cgroup is another, above it or below it. */
function overlap(a: string, b: string): boolean {
  return `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`);
}
