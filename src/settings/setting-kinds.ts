import { z } from 'zod';

/** What the table of settings says beside what the schema tells by itself. */
type About = {
  /** For texts: what they look like. */
  format?: string;
  /** Where leaving it out means more than a value. */
  standard?: string;
  /** May be read from a file, and is told to nobody. */
  isSecret?: boolean;
};

/** A setting with its line of the table. Comes last: a schema made of it would not have it. */
export const setting = <Schema extends z.ZodType>(schema: Schema, description: string, about: About = {}): Schema =>
  schema.meta({ description, ...about });

export const isSecret = (schema: z.ZodType): boolean => schema.meta()?.['isSecret'] === true;

export const url = (...protocols: string[]) =>
  z.string().refine(
    (value) => {
      return URL.canParse(value) && protocols.includes(new URL(value).protocol);
    },
    `must be a URL beginning with ${protocols.join('// or ')}//`,
  );

export const wholeNumber = (least: number, standard: number, most = Number.MAX_SAFE_INTEGER) =>
  z.coerce.number().int().min(least).max(most).default(standard);

export const port = z.coerce.number().int().min(0).max(65_535);

export const yesOrNo = z.enum(['true', 'false']);

export const names = z
  .string()
  .transform((value) =>
    value
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  )
  .optional();

/** A line of the table. */
export type SettingLine = { name: string; standard: string; value: string; description: string; isSecret: boolean };

export function lineOf(name: string, schema: z.ZodType): SettingLine {
  const about: About & { description?: string } = schema.meta() ?? {};
  const { description = '', format, standard } = about;
  const given = schema instanceof z.ZodDefault ? String(schema.def.defaultValue) : '';
  const isRequired = given === '' && !schema.isOptional();
  return {
    name,
    standard: standard ?? (given === '' ? (isRequired ? '**must be set**' : '') : `\`${given}\``),
    value: format ?? shapeOf(schema),
    description,
    isSecret: isSecret(schema),
  };
}

type Shape = { type?: string; enum?: string[]; minimum?: number; exclusiveMinimum?: number; maximum?: number };

/** What the schema itself says of its values. */
function shapeOf(schema: z.ZodType): string {
  const shape = z.toJSONSchema(schema, { unrepresentable: 'any' }) as Shape;
  if (shape.enum) return shape.enum.map((one) => `\`${one}\``).join(', ');
  if (shape.type !== 'integer' && shape.type !== 'number') return '';
  const { minimum, exclusiveMinimum, maximum = Number.MAX_SAFE_INTEGER } = shape;
  const least = exclusiveMinimum === undefined ? `${minimum} or more` : `more than ${exclusiveMinimum}`;
  const range =
    maximum < Number.MAX_SAFE_INTEGER ? `${minimum ?? `more than ${exclusiveMinimum}`} to ${maximum}` : least;
  return `${shape.type === 'integer' ? 'whole number' : 'number'}, ${range}`;
}
