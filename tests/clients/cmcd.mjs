// The reference library of CMCD, for a test: encodes the reports and decodes the texts that it is
// given on standard input. What cannot be encoded or decoded is null.
import {
  decodeCmcd, encodeCmcd, toCmcdHeaders, validateCmcdValues,
} from "@svta/cml-cmcd";
import { SfItem, SfToken } from "@svta/cml-structured-field-values";

const attempt = (work) => {
  try {
    return work();
  } catch {
    return null;
  }
};

const items = (value) => (Array.isArray(value)
  ? value.map((item) => (Array.isArray(item) ? new SfItem(...item) : item))
  : value);

const report = (keys) => Object.fromEntries(
  Object.entries(keys).map(([key, value]) => [key, items(value)]),
);

// JSON that tells apart what CMCD tells apart.
const tagged = (value) => {
  if (value instanceof SfItem) return { item: tagged(value.value), params: params(value.params) };
  if (value instanceof SfToken) return { token: value.description };
  if (value instanceof Date) return { date: value.getTime() / 1000 };
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (Array.isArray(value)) return { list: value.map(tagged) };
  return value;
};

const params = (given) => Object.entries(given ?? {}).map(([key, value]) => [key, tagged(value)]);

const decoded = (text) => {
  const data = decodeCmcd(text, { useSymbol: false });
  const wrong = validateCmcdValues(data).issues
    .filter(({ severity }) => severity === "error").map(({ key }) => key);
  return { members: params(data), wrong: [...new Set(wrong)] };
};

let input = "";
for await (const chunk of process.stdin.setEncoding("utf8")) input += chunk;
const { reports, texts } = JSON.parse(input);
console.log(JSON.stringify({
  encoded: reports.map(({ keys, options }) => attempt(() => encodeCmcd(report(keys), options))),
  shards: reports.map(({ keys, options }) => attempt(() => toCmcdHeaders(report(keys), options))),
  decoded: texts.map((text) => attempt(() => decoded(text))),
}));
