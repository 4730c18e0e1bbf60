/**
 * The microVM driver of one host. Actions are messages: `perform` returns at once and the outcome comes
 * back to the loop as a `driverDone` input. Every action may be repeated: one that finds its work done
 * succeeds. An `observed` input that shows what an action did comes before its `driverDone`.
 */
import type { Allocation, Power, VmSpec } from '../model/vm.ts';
import type { AttachedVolume } from '../model/volume.ts';

/** Most times of restarts that a driver keeps of a VM. */
export const AGAIN_KEPT = 64;

/** What the driver is told of a VM; enough to build and run it without asking the cluster. */
export interface DriverVm {
  readonly name: string;
  readonly uid: string;
  readonly epoch: number;
  readonly generation: number;
  readonly spec: VmSpec;
  readonly allocation: Allocation;
  /** Counts the requests to build the same source anew: another number asks for another build. */
  readonly rebuilds: number;
  /**
   * A build of the past to bring back. Where its store path is there it becomes `current` without a build; elsewhere the
   * spec is built.
   */
  readonly restore?: {
    readonly runner: string;
    readonly evaluated?: { readonly vcpu: number; readonly memoryMib: number };
  };
  /** Whether its process has to end when the host's dead-man's switch goes off. */
  readonly fenced: boolean;
  /**
   * What it is started with. The driver looks at each once more, stamps them with the epoch, durably, and only then
   * lets a runner see them. Absent when it has none.
   */
  readonly volumes?: readonly AttachedVolume[];
}

/** One piece of work on one VM. At most one per VM is under way at a time. */
export type DriverAction =
  /**
   * Evaluate and build the runner, root it against garbage collection, make it `current`. Starts nothing, and leaves a
   * process of the runner before alone, which stays rooted too.
   */
  | { readonly type: 'build'; readonly vm: DriverVm }
  /**
   * Start the runner that is `current`; done once its process runs. Readiness is observed, not waited for. `again`: because
   * its process had ended, which is added to `managed.again`; without it that list begins anew.
   */
  | { readonly type: 'start'; readonly vm: DriverVm; readonly restarts: number; readonly again?: true }
  /**
   * Ask the guest to shut down, wait up to `timeoutSeconds`, then stop it hard. Done once nothing of it runs; what its last
   * exit was is forgotten. `unhealthy`: because it is not well; this then is its last exit.
   */
  | {
      readonly type: 'stop';
      readonly name: string;
      readonly uid: string;
      readonly timeoutSeconds: number;
      readonly unhealthy?: true;
    }
  /** Remove state directory, links, roots. Only ever after a stop. */
  | { readonly type: 'remove'; readonly name: string; readonly uid: string };

/** How an action ended. */
export type DriverOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** A short stable word: `FlakeNotFound`, `AttributeMissing`, `BuildFailed`, `StartFailed`, `DiskFull`, `NotManaged`... */
      readonly reason: string;
      /** One line for people. */
      readonly message: string;
      /** Whether trying again unchanged may help. */
      readonly retriable: boolean;
    };

/** A VM as the driver finds it on the host, read from the host's own facts and never from memory alone. */
export interface ObservedVm {
  readonly name: string;
  /** Identity written beside the VM by n3x; absent for a VM that n3x does not manage (left alone). */
  readonly managed?: {
    readonly uid: string;
    readonly epoch: number;
    /** Generation that `currentRunner` was built for. Zero before the first build. */
    readonly builtGeneration: number;
    /** Value of `restarts` at the last start. */
    readonly restarts: number;
    /** Generation of the VM at the last start; absent before the first. */
    readonly startedGeneration?: number;
    /** When it was started again because its process had ended: wall clock, ms, oldest first, at most {@link AGAIN_KEPT}. */
    readonly again?: readonly number[];
  };
  readonly currentRunner?: string;
  readonly bootedRunner?: string;
  /** The hypervisor's process, verified to be the one that was started. */
  readonly process?: { readonly pid: number; readonly startedAtMs: number };
  /** Whether the guest has been seen ready since its process began. */
  readonly ready: boolean;
  /** Whether its health probe has failed too often in a row, its start-up grace being over. Absent while it is well. */
  readonly unhealthy?: true;
  /** What the probe that decides now last said against it, one line. May lag behind by some seconds. */
  readonly said?: string;
  /** What the built configuration says it needs. */
  readonly evaluated?: { readonly vcpu: number; readonly memoryMib: number; readonly disks?: number };
  /** Last exit of the process, when it ended by itself since the last start. */
  readonly lastExit?: LastExit;
}

/** How a process ended. */
export interface LastExit {
  /** Null when a signal ended it, or nobody saw how it ended. */
  readonly code: number | null;
  readonly signal: string | null;
  /** Wall clock, ms; of the first look after it when nobody saw it. */
  readonly atMs: number;
  /** It was stopped for not being well. */
  readonly unhealthy?: true;
}

/** What the host can do for the loop. */
export interface DriverPort {
  /** `token` comes back in the `driverDone` input. */
  perform(token: number, action: DriverAction): void;
  /** Tells the driver which VMs to probe, and how; replaces what it was told before. */
  watch(vms: readonly { readonly vm: DriverVm; readonly power: Power }[]): void;
}
