// The link builder: a tagged link, its QR code, its short form.

import { encode } from "uqr";
import { shareUrl } from "../../../sdk/src/protocol/channel.js";
import { encodeTag } from "../../../sdk/src/protocol/tag.js";
import { fileName, picture, save } from "../export/save.js";
import { linkFormOf, linkOf, TARGETS, tagOf } from "../forms/link.js";
import { isCode, shortLinkEntry } from "../forms/short-link.js";
import { labelText, messages } from "../i18n/index.js";
import { CopyButton } from "../parts/copy.js";
import { Field } from "../parts/field.js";
import { Options } from "../parts/select.js";
import type { Scope } from "../state/questions.js";
import { show } from "../state/view.js";

export default function Links({ scope }: { scope: Scope }) {
  const m = messages.value;
  const written = scope.view.form;
  const form = linkFormOf(written);
  const campaign = scope.campaign.measures[0]?.campaign;
  const name = scope.campaign.name.split("/")[1] ?? "";
  const set = (field: string) => (event: { currentTarget: { value: string } }) =>
    show({ form: { ...written, [field]: event.currentTarget.value } }, "same");
  const link = campaign === undefined ? undefined : linkOf(form, campaign, name);
  const sheet = link && shareUrl(form.channel, link, "");
  return (
    <>
      <section class="figure form" aria-labelledby="links">
        <header>
          <h2 id="links">{m.links.title}</h2>
        </header>
        <p class="about">{m.links.about}</p>
        {campaign === undefined && <p class="remark">{m.links.noCampaign}</p>}
        <div class="fields">
          <Field
            label={m.links.address}
            hint={m.links.addressHint}
            problem={form.address && !link && campaign !== undefined ? m.links.bad : undefined}
            wide
          >
            {(aria) => (
              <input {...aria} type="url" value={form.address} placeholder="https://" onInput={set("address")} />
            )}
          </Field>
          <Field label={m.links.channel}>
            {(aria) => (
              <select {...aria} value={form.channel.name} onChange={set("channel")}>
                <Options of={TARGETS.map(({ name }) => [name, labelText("channel", name)])} />
              </select>
            )}
          </Field>
          <Field label={m.links.cohort} hint={m.links.cohortHint}>
            {(aria) => (
              <input {...aria} type="number" min={0} max={65535} value={form.cohort} onInput={set("cohort")} />
            )}
          </Field>
          <Field label={m.links.style} wide>
            {(aria) => (
              <select {...aria} value={form.style} onChange={set("style")}>
                <Options
                  of={[
                    ["fragment", m.links.fragment],
                    ["query", m.links.query],
                  ]}
                />
              </select>
            )}
          </Field>
          <label class="check">
            <input
              type="checkbox"
              checked={form.utm}
              onChange={(event) =>
                show({ form: { ...written, utm: event.currentTarget.checked ? "yes" : "" } }, "same")
              }
            />{" "}
            <span>{m.links.utm}</span>
          </label>
        </div>
      </section>
      <section class="figure form" aria-labelledby="link-result">
        <header>
          <h2 id="link-result">{m.links.result}</h2>
        </header>
        {link ? (
          <>
            <output class="link-output" data-link>
              {link}
            </output>
            <div class="buttons">
              <CopyButton text={link} />
              {sheet && (
                <a class="button" href={sheet} rel="noreferrer">
                  {m.links.share}
                </a>
              )}
            </div>
            <p class="about">
              {m.links.tag + m.colon}
              {labelText("channel", form.channel.name)}, {m.dimensions.cohort} {form.cohort}, {m.dimensions.generation}{" "}
              0 · <code>{encodeTag(tagOf(form, campaign!))}</code>
            </p>
            <QrCode link={link} name={fileName("tacita", name, form.channel.name)} />
            <h3>{m.links.short}</h3>
            <p class="about">{m.links.shortLead}</p>
            <Field
              label={m.links.code}
              hint={m.links.shortBad}
              problem={form.code && !isCode(form.code) ? m.links.shortBad : undefined}
            >
              {(aria) => <input {...aria} value={form.code} onInput={set("code")} />}
            </Field>
            {isCode(form.code) && (
              <>
                <pre tabIndex={0} data-short>
                  {shortLinkEntry(form, campaign!, name)}
                </pre>
                <CopyButton text={shortLinkEntry(form, campaign!, name)} />
              </>
            )}
          </>
        ) : (
          <p class="blank">{m.links.addressHint}</p>
        )}
      </section>
    </>
  );
}

/** Dark on light in both colour schemes: not every camera reads the other way round. */
function QrCode({ link, name }: { link: string; name: string }) {
  const m = messages.value;
  const { data, size } = encode(link, { ecc: "M", border: 4 });
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  const file = () =>
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" width="${size * 12}" height="${size * 12}"><rect width="${size}" height="${size}" fill="#fff"/><path d="${path}" fill="#000"/></svg>`;
  return (
    <div class="qr">
      <svg
        viewBox={`0 0 ${size} ${size}`}
        role="img"
        aria-label={`${m.links.qrAlt}${m.colon}${link}`}
        shape-rendering="crispEdges"
      >
        <rect width={size} height={size} class="qr-paper" />
        <path d={path} class="qr-ink" />
      </svg>
      <div class="buttons">
        <button type="button" class="button" onClick={() => save(`${name}.svg`, file(), "image/svg+xml")}>
          SVG
        </button>
        <button
          type="button"
          class="button"
          onClick={() => void picture(file()).then((png) => save(`${name}.png`, png, "image/png"))}
        >
          PNG
        </button>
      </div>
    </div>
  );
}
