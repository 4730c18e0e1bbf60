/** Names, quantities and references as users write them, and their one schema each. */
import { z } from 'zod';

/**
 * Name of a VM, host or volume: a DNS label (RFC 1123) that starts with a letter, because it becomes a
 * host name, a directory, a unit instance and a Nix attribute.
 */
export const nameSchema = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    'a name is 1 to 63 of a-z, 0-9 and -, starts with a letter and does not end with -',
  );

const KEY = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;

/** Key of a label: up to 63 characters, with an optional prefix as in `zone` or `example.org/rack`. */
export const labelKeySchema = z.string().regex(KEY, 'a label key is 1 to 63 of A-Z a-z 0-9 . _ - /');

/** Key of an annotation: as that of a label. */
export const annotationKeySchema = z.string().regex(KEY, 'an annotation key is 1 to 63 of A-Z a-z 0-9 . _ - /');

/** Value of a label. */
export const labelValueSchema = z
  .string()
  .regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/, 'a label value is at most 63 of A-Z a-z 0-9 . _ -');

/** Most labels of one object. */
export const LABELS_MAX = 32;

/** Labels by key; at most {@link LABELS_MAX}. */
export const labelsSchema = z
  .record(labelKeySchema, labelValueSchema)
  .refine((labels) => Object.keys(labels).length <= LABELS_MAX, `at most ${LABELS_MAX} labels`);

/** Labels by key. */
export type Labels = z.infer<typeof labelsSchema>;

/** Changes of labels: a value sets one, null takes it away; the others stay. */
export const labelChangesSchema = z
  .record(labelKeySchema, labelValueSchema.nullable())
  .refine((changes) => Object.keys(changes).length <= LABELS_MAX, `at most ${LABELS_MAX} labels`);
/** Changes of labels. */
export type LabelChanges = z.infer<typeof labelChangesSchema>;

/** Most annotations of one object. */
export const ANNOTATIONS_MAX = 64;
/** Longest value of an annotation, in UTF-16 units. */
export const ANNOTATION_VALUE_MAX = 4096;

/** Value of an annotation: any text, for people and programs; n3x never reads it. */
export const annotationValueSchema = z
  .string()
  .max(ANNOTATION_VALUE_MAX, `an annotation has at most ${ANNOTATION_VALUE_MAX} characters`);

/** Annotations by key; keys are those of labels. */
export const annotationsSchema = z.record(annotationKeySchema, annotationValueSchema);
/** Annotations by key. */
export type Annotations = z.infer<typeof annotationsSchema>;

/** Changes of annotations: a text sets one, null takes it away; the others stay. */
export const annotationChangesSchema = z
  .record(annotationKeySchema, annotationValueSchema.nullable())
  .refine((set) => Object.keys(set).length > 0, 'name at least one annotation')
  .refine((set) => Object.keys(set).length <= ANNOTATIONS_MAX, `at most ${ANNOTATIONS_MAX} annotations`);
/** Changes of annotations. */
export type AnnotationChanges = z.infer<typeof annotationChangesSchema>;

/** A flake reference: printable, no spaces, so that it can stand in a command line and a one-line file. */
export const flakeRefSchema = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[^\s#"'`$\\]+$/, 'a flake reference has no spaces, quotes, $, \\ or #');

/** Attribute name within a flake's outputs. */
export const attributeSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_'.-]{0,127}$/, 'an attribute name starts with a letter or _');

/** A Nix system n3x runs on. */
export const nixSystemSchema = z.enum(['x86_64-linux', 'aarch64-linux']);

/** A Nix system n3x runs on. */
export type NixSystem = z.infer<typeof nixSystemSchema>;
