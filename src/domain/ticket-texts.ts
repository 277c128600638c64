import type { BusinessTag } from './application.ts';

/** The guide's table of a ticket's applications, in Markdown. */
export function ticketMarkdown(
  entries: readonly { applicationName: string; businessTags: readonly BusinessTag[] }[],
): string {
  const rows = entries.map(({ applicationName, businessTags }) => {
    const tags = businessTags.map(({ tagKey, tagValue }) => `${tagKey}:${tagValue}`).join(',');
    return `| ${inCell(applicationName)} | ${inCell(tags)} |`;
  });
  return ['| Application Name | Tags |', '| --- | --- |', ...rows].join('\n');
}

/** A bar or a line break would end the cell; markup has no business in a tag. */
const inCell = (text: string): string => inOneLine(text.replaceAll(/[\\|`*_<>[\]]/g, '\\$&'));

const inOneLine = (text: string): string => text.replaceAll(/\s*[\r\n]+\s*/g, ' ');

/** One line per step, also where somebody wrote several: when, who, what. */
export const timelineLine = (record: { at: Date; username: string | null; message: string }): string =>
  `${record.at.toISOString()} ${record.username ?? 'the service'}: ${inOneLine(record.message)}`;
