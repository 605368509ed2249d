// SPDX-License-Identifier: MIT
import data from "./default_profile.json" with { type: "json" };
import type { SeccompProfile } from "./profile.ts";

/** The profile that docker gives its containers; license: `LICENSE` in this directory. */
export const SECCOMP_PROFILE: SeccompProfile = data.profile;
