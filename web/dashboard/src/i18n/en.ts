// English. Its shape is the catalogue's type: another language that lacks a message does not compile.

export const en = {
  language: "English",
  product: "Tacita",
  skip: "Skip to the figures",
  loading: "Loading…",
  retry: "Try again",
  close: "Close",
  copy: "Copy",
  copied: "Copied",
  none: "None",
  unknown: "–",

  signIn: {
    title: "Sign in",
    lead: "How much of your direct traffic was shared in private?",
    label: "Brand’s API key",
    hint: "Begins with tacita_. The operator of this collector made it for your brand.",
    kept: "The key stays in this browser tab (sessionStorage) and goes when the tab is closed. It is sent to this server only.",
    button: "Open the dashboard",
    checking: "Checking…",
    empty: "Enter a key: it begins with tacita_.",
    wrong: "This key is not taken.",
    away: "The server does not answer.",
    leave: "Sign out",
  },

  nav: {
    label: "Pages",
    overview: "Overview",
    contents: "Contents",
    cohorts: "Cohorts",
    analytics: "Google Analytics",
    planner: "Planner",
    links: "Links",
    campaign: "Campaign",
    privacy: "Privacy",
  },

  bar: {
    label: "Campaign, range and filters",
    campaign: "Campaign",
    noCampaign: "This key has no campaign yet. The operator creates one with tacita admin campaign create.",
    unknownCampaign: (name: string) => `There is no campaign “${name}” that this key may read.`,
    range: "Range",
    last: (days: number) => (days === 1 ? "Today" : days === 365 ? "Last 12 months" : `Last ${days} days`),
    all: "All time",
    custom: "Other days…",
    from: "First day",
    to: "Last day",
    apply: "Apply",
    compare: "Compare with",
    compareNone: "No comparison",
    comparePrevious: "Period before",
    compareYear: "Year before",
    compareShort: { none: "", previous: "than the period before", year: "than the year before" },
    compareNeedsEnds: "“All time” has no period before it.",
    filter: "Filter",
    exclude: "Leave these out",
    clear: "Clear all",
    remove: (what: string) => `Remove the filter ${what}`,
    is: "is",
    isNot: "is not",
    days: "Days are of UTC.",
  },

  live: {
    opening: "Connecting",
    live: "Live",
    away: "Connection lost, trying again",
    updated: (time: string) => `Figures updated at ${time}`,
  },

  theme: { label: "Colours", auto: "As the system", light: "Light", dark: "Dark" },
  languageLabel: "Language",

  figure: {
    menu: (title: string) => `Export and details: ${title}`,
    table: "Show as table",
    chart: "Show as chart",
    csv: "CSV",
    json: "JSON (the answer as it came)",
    svg: "SVG",
    png: "PNG",
    call: "The gRPC call that made it",
    callLead: "Paste it into a terminal. $TACITA_KEY holds your key; it is not in this line.",
    about: (title: string) => `What is this? ${title}`,
    from: (measure: string, reports: string) => `Measure ${measure} · ${reports} reports`,
    open: "still counting",
    left: (dimensions: string) => `Not filtered by ${dimensions}: this measure does not tell it apart.`,
    missing: (what: string) => `No measure answers this: it takes ${what}.`,
    missingShort: "No measure tells this.",
    largest: "The largest of many: noise upwards is favoured.",
    empty: "No reports in this range.",
    ahead: "This range lies in the future: nothing is counted there yet.",
    failed: "This could not be answered.",
    away: "The server does not answer; these are the last figures it gave.",
  },

  column: {
    label: "Name",
    value: "Estimate",
    low: "Low (95 %)",
    high: "High (95 %)",
    share: "Share",
    sure: "Sure?",
    needed: "More reports needed",
    before: "Before",
    change: "Change",
    reports: "Reports",
    period: "From",
    step: "Step",
    perStep: "Per step before",
    generation: "Generation",
    kind: "Kind",
  },

  sure: {
    yes: "Above zero",
    no: "Cannot be told from zero",
    needs: (reports: string) => `Cannot be told from zero yet: about ${reports} more reports would show it`,
    needsShort: (reports: string) => `needs ≈ ${reports} more reports`,
    never: "Cannot be told from zero",
    ratioNo: "Cannot be told yet",
    ratioNeeds: (reports: string) => `Cannot be told yet: about ${reports} more reports would show it`,
    interval: (low: string, high: string) => `${low} to ${high}`,
    ninetyFive: "95 % interval",
  },

  change: {
    up: (amount: string) => `${amount} more`,
    down: (amount: string) => `${amount} less`,
    flat: "no difference that could be told from noise",
    flatShort: "no clear change",
    was: (value: string) => `was ${value}`,
    points: (points: string) => `${points} points`,
  },

  cards: {
    label: "Key figures",
    darkShare: "Shared in private",
    darkShareAbout:
      "Shares to private channels ÷ all shares made with the page’s buttons and by copying (RadiumOne’s “share of sharing”).",
    directConfirmed: "Direct that is dark, proven",
    directConfirmedAbout:
      "Of the arrivals that analytics calls direct, those with evidence of a private channel: a tagged link, or an app that says so.",
    directInferred: "Direct that may be dark",
    directInferredAbout:
      "Of the arrivals that analytics calls direct, those on a deep page without any evidence. An upper bound (Madrigal), never added to the proven ones.",
    arrivals: "Visits",
    arrivalsAbout: "Page sessions, by all ways of arriving.",
    shares: "Shares",
    sharesAbout: "Links passed on: share buttons, share links and copies of the address.",
    conversions: "Conversions",
    conversionsAbout: "Conversions on the brand’s site, credited to the last shared link that the device arrived by.",
    conversionRate: "Conversion rate",
    conversionRateAbout: "Conversions ÷ visits.",
    arrivalsPerShare: "Visits per share",
    arrivalsPerShareAbout: "Visits by shared links ÷ shares.",
    costPerConversion: "Cost per conversion",
    costPerConversionAbout: "Declared cost ÷ conversions.",
    roi: "Return on cost",
    roiAbout: "(Value of conversions − declared cost) ÷ declared cost.",
    atMost: "at most",
  },

  channels: {
    title: "Channels",
    about:
      "Where it came from, or went to. The bar is the estimate, the line across its end the 95 % interval: the true number lies within it 19 times out of 20.",
    private: "Private",
    maybe: "Perhaps private: an upper bound",
    public: "Public",
    other: "Other ways",
    click: "Click a channel to filter by it.",
    needs: "a measure with the dimension channel",
  },

  subject: { label: "Count", arrival: "Visits", share: "Shares", conversion: "Conversions", reach: "Devices" },

  series: {
    title: "Over time",
    about:
      "The line is the estimate of each period, the band its 95 % interval. A mark is a surge: more than the time before explains, privacy noise included.",
    by: "By",
    grain: { auto: "Auto", hour: "Hour", day: "Day", week: "Week", month: "Month" },
    split: "Split",
    splitNone: "Not split",
    before: "Before",
    open: "The last period is not over, or still takes reports.",
    alert: (label: string, when: string, score: string) =>
      `${label}: surge on ${when}, ${score} σ above what was expected`,
    needs: "a measure of this event",
    keys: "Left and right arrows move through the periods.",
  },

  surges: {
    title: "Surges",
    about:
      "More came than the time before explains, by more than chance and the noise of privacy do. At most one false alarm in 300 days for each measure.",
    none: "Nothing surged in this range.",
    what: "What",
    found: "Found",
    came: "Came",
    expected: "Expected",
    score: "σ above",
    news: (label: string, came: string, what: string, expected: string, score: string) =>
      `${label} surges: about ${came} ${what.toLowerCase()} where ${expected} were expected (${score} σ).`,
    look: "Look at it",
  },

  funnel: {
    title: "From share to conversion",
    about:
      "How many visits shared links brought, and how many conversions followed. Each step has its own measure and its own interval.",
    shares: "Shares",
    arrivals: "Visits by shared links",
    conversions: "Conversions",
    per: (ratio: string, what: string) => `${ratio} per ${what}`,
    measures: (names: string) => `Measures ${names}`,
    perWhat: { share: "share", arrival: "visit" },
  },

  generations: {
    title: "How far it travels",
    about:
      "Generation 0 are links shared by somebody who had not come by one; each re-share adds one. Growth above 1 means that it spreads by itself.",
    zero: "First shares",
    nth: (n: number) =>
      n === 1
        ? "1st re-share"
        : n === 2
          ? "2nd re-share"
          : n === 3
            ? "3rd re-share"
            : n >= 7
              ? "7th and later"
              : `${n}th re-share`,
    growth: "growth",
    reshares: "re-shares per visit",
    none: "No measure tells generations apart: create one with the dimension generation.",
  },

  profiles: {
    title: "How devices share",
    about:
      "Devices by where they shared to in the window before. A device is not a person: somebody with two is counted twice, and who shared from another one is not seen here.",
    labels: {
      neither: "Did not share",
      "private-only": "In private only",
      "public-only": "In public only",
      both: "In private and in public",
    } as Readonly<Record<string, string>>,
  },

  contents: {
    title: "Most shared contents",
    about:
      "Out of all contents of the measure’s catalogue, those with the largest estimates. Picking the largest of many favours upward noise: read the intervals.",
    categoriesTitle: "Categories",
    categoriesAbout: "Groups of contents as the brand declared them.",
    show: "Show",
    tail: (n: string) => `Not in the catalogue (group ${n})`,
    needs: "a measure of content shares",
    compareTitle: "Two contents compared",
    compareAbout: "Choose two contents: is the difference more than noise?",
    first: "First",
    second: "Second",
    times: (ratio: string, interval: string) => `The first was shared ${ratio} × as often as the second (${interval}).`,
    differ: "The difference is more than noise.",
    same: "The difference may be noise: 1 lies within the interval.",
    choose: "Choose",
    uncategorised: "Without a category",
  },

  cohorts: {
    title: "Cohorts",
    about:
      "Squads, newsletters and referral programmes. A cohort is never one person: it declares its size, and small ones are refused.",
    needs: "a measure with the dimension cohort",
    unnamed: "No cohort",
    why: "A campaign with many small cohorts is refused, because no interval would tell them apart. The planner says how much traffic a split takes.",
  },

  analytics: {
    title: "What Google Analytics calls it, and what it was",
    about: "Each visit under the channel group that GA4 would give it, beside the evidence that the device had.",
    groups: "GA4 channel group",
    direct: "Inside “Direct”",
    confirmed: "shared in private, with evidence",
    inferred: "deep page without evidence: at most this much more is dark",
    rest: "What GA4 calls Direct holds both, and never tells.",
    part: "What it was",
    legend: {
      private: "Shared in private, with evidence",
      maybe: "Deep page, no evidence",
      public: "Public social",
      other: "Other ways",
    },
  },

  grade: {
    confirmed: "tagged link",
    declared: "UTM",
    app: "in an app’s browser",
    referrer: "referrer",
    inferred: "deep page, no evidence",
    direct: "typed or bookmarked",
  } as Readonly<Record<string, string>>,

  planner: {
    title: "Planner",
    about: "Before there is a measure: with this traffic and this ε, how narrow will each interval be?",
    event: "What is counted",
    apart: "Told apart by",
    labels: { channel: "Channels told apart", cohort: "Cohorts told apart" },
    labelsHint: {
      channel: "One on each line; with its expected share in per cent if you know it: whatsapp 12",
      cohort: "Numbers, one on each line or as 1..40; with the expected share in per cent if you know it: 0 70",
    },
    epsilon: "ε of one report",
    epsilonHint: "From 0.1 (very private, very noisy) to 6.",
    traffic: "Reports in one window",
    window: "Window",
    windows: "Windows read together",
    windowNames: { hour: "Hour", day: "Day", week: "Week" },
    ask: "Calculate",
    smallest: "Smallest share that can be seen",
    smallestNone: "No share can be seen with this traffic: take a larger ε, more windows or fewer channels.",
    cells: "Cells",
    share: "Expected share",
    expected: "Expected count",
    relative: "± of it",
    epsilonNeeded: "ε that would show it",
    windowsNeeded: "Windows that would show it",
    others: "Each of the others",
    seen: "Can be seen",
    resultTitle: "What each cell will tell",
  },

  links: {
    title: "Link builder",
    about: "A link that says by which channel and cohort it is passed on, and nothing about who passes it on.",
    address: "Page to share",
    addressHint: "The full address, with https://",
    channel: "Channel",
    cohort: "Cohort number",
    cohortHint: "0 for none",
    style: "The tag goes",
    fragment: "after # (out of server logs)",
    query: "in the query",
    utm: "Add UTM parameters for other tools",
    bad: "This is not a full web address: begin with https://",
    result: "Link",
    share: "Open the app’s share sheet",
    qr: "QR code",
    qrAlt: "QR code of the link",
    short: "Short link",
    shortLead: "Put this into the relay’s links file; the relay then answers at /s/CODE and counts no single click.",
    code: "Code",
    shortBad: "1 to 64 letters, digits, hyphens and underscores.",
    tag: "What the tag says",
    noCampaign: "The campaign has no measure yet, so its number is not known.",
  },

  declare: {
    title: "What you say of this campaign",
    about:
      "Only the brand knows these. They stay with the collector and the brand: no device and no publisher is told, and no report is changed by them.",
    market: "Market",
    marketHint: "In your own words: France",
    currency: "Currency",
    currencyHint: "Three letters of ISO 4217: EUR",
    costs: "Costs",
    costsAbout:
      "Money spent evenly over days, for one channel or the whole campaign. Cost per conversion and return on cost come of it.",
    addCost: "Add a cost",
    cost: (n: number) => `Cost ${n}`,
    amount: "Amount",
    whole: "The whole campaign",
    values: "What a conversion is worth",
    valuesAbout:
      "By bucket of the measure. Left empty, it is the middle of the bucket, and of an open one its lower end.",
    bucket: (bucket: string) => `Bucket ${bucket}`,
    categories: "Categories of contents",
    categoriesAbout:
      "Groups of contents that are read together: a topic, a format. A content is in one at most; write one on each line, as in the measure’s catalogue.",
    addCategory: "Add a category",
    category: (n: number) => `Category ${n}`,
    contents: "Contents",
    webhooks: "Webhooks",
    webhooksAbout:
      "Your server is told of each surge at least once, with a signature to verify (spec/alerts.md). At most five.",
    addWebhook: "Add a webhook",
    webhook: (n: number) => `Webhook ${n}`,
    address: "Address",
    secret: "Secret",
    secretHint: "HMAC-SHA256 key, in hexadecimal. Whoever has it can sign as this collector.",
    secretLater: "Its secret is shown here once it is saved.",
    reveal: "Show",
    hide: "Hide",
    remove: "Remove",
    save: "Save",
    saving: "Saving…",
    saved: "Saved. The figures go by it from now on.",
    changed: "Somebody else has changed this meanwhile: nothing was saved. Take theirs, then make your changes again.",
    reload: "Take theirs",
    refused: "The collector did not take it:",
    wrong: (n: number) => (n === 1 ? "One field has to be put right." : `${n} fields have to be put right.`),
    problem: {
      currency: "Three capital letters, for example EUR; costs need one.",
      day: "Choose a day.",
      order: "The last day lies before the first.",
      amount: "A number that is not negative, for example 1500.50",
      value: "A number, for example 30",
      name: "Give it a name.",
      taken: "Another category has this name.",
      address: "An address that begins with https://",
      repeated: "A content stands in two places: leave it in one.",
    },
  },

  privacy: {
    title: "What one report reveals",
    about:
      "Each visitor’s device answers with noise before anything leaves it. These figures say how little a single answer gives away.",
    measure: "Measure",
    local: "To anyone",
    localAbout:
      "Local ε: even if publisher, collector and brand all worked together, one report changes the odds of any guess about its sender by at most this factor.",
    amplified: "To you",
    amplifiedAbout:
      "Seeing only totals of windows, a brand can improve its odds by at most this factor (with δ of one in a million), as long as relay and collector do not tell it more. Of a window that still counts, what comes between two readings is the crowd.",
    factor: (factor: string) => `× ${factor}`,
    epsilon: (epsilon: string) => `ε ${epsilon}`,
    crowd: (reports: string) => `among ${reports} reports`,
    none: "Not answered",
    noneAbout:
      "Reports of devices that had nothing to say, or whose privacy budget was spent. They still report, so that silence tells nothing.",
    mechanism: "Mechanism",
    plainTitle: "In plain words",
    plain: [
      "The true answer never leaves the visitor’s device. What leaves is an answer that is wrong on purpose with a known probability.",
      "One answer says almost nothing. A hundred thousand of them, with the known noise taken out, say a lot: that is where the estimate and its interval come from.",
      "The publisher’s relay sees who sends, but not what. The collector sees what, but not who. You see totals only.",
      "No figure on this page can be tied to a person, by anyone.",
    ],
  },

  kinds: { private: "Private", public: "Public", other: "Other ways" } as Readonly<Record<string, string>>,

  dimensions: {
    channel: "Channel",
    kind: "Kind",
    grade: "Evidence",
    content: "Content",
    category: "Category",
    cohort: "Cohort",
    generation: "Generation",
    publisher: "Publisher",
    value: "Value",
    profile: "Sharing",
  } as Readonly<Record<string, string>>,

  /** Labels that are words and not names. Names of apps are the same in every language (names.ts). */
  labels: {
    email: "E-mail",
    sms: "SMS",
    copy: "Copied address",
    native: "Share sheet (app not told)",
    direct: "Direct",
    inferred: "Deep page, no evidence",
    search: "Search",
    "ai-assistant": "AI assistant",
    newsletter: "Newsletter",
    campaign: "Advertising",
    referral: "Other sites",
    unattributed: "Not attributed",
    other: "Everything else",
    social: "Other social",
    "instagram-direct": "Instagram Direct",
    uncategorised: "Without a category",
  } as Readonly<Record<string, string>>,
};

/** Every message of the pages. */
export type Messages = typeof en;
