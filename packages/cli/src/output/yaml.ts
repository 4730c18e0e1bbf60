/**
 * YAML, loaded when it is asked for. The names are imported here statically: of a bundle, which has the library as CommonJS, a dynamic
 * import would give them on `default` alone.
 */
export { parse, stringify } from 'yaml';
