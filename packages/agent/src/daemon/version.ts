/** The version of this build. */
import manifest from '../../package.json' with { type: 'json' };

/** The version of this build, as in the package manifest. */
export const N3X_VERSION: string = manifest.version;
