// English. Its shape is the catalogue's type: another language that lacks a message does not compile.

export const en = {
  language: "English",
  product: "Tacita",
  skip: "Skip to the figures",
  loading: "Loading…",
  close: "Close",
  copy: "Copy",
  copied: "Copied",
  unknown: "–",
  /** Between a name and what it names. */
  colon: ": ",

  signIn: {
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
    from: "First day",
    to: "Last day",
    apply: "Apply",
    compare: "Compare with",
    compareNone: "No comparison",
    comparePrevious: "Period before",
    compareYear: "Year before",
    compareShort: { none: "", previous: "than the period before", year: "than the year before" },
    lastWhole: (days: number) =>
      days === 1 ? "Yesterday" : days === 365 ? "12 whole months" : `Last ${days} whole days`,
    partial:
      "This range is not over, and stands beside one that is: choose days that are over to compare like with like.",
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
    tableOf: (title: string) => `Table: ${title}`,
    chart: "Show as chart",
    csv: "CSV",
    json: "JSON (the answer as it came)",
    svg: "SVG",
    png: "PNG",
    call: "The gRPC call that made it",
    callLead: "Paste it into a terminal. $TACITA_KEY holds your key; it is not in this line.",
    about: (title: string) => `What is this? ${title}`,
    from: (measure: string, reports: string) => `Measure ${measure} · ${reports} reports`,
    left: (dimension: string) => `Not filtered by ${dimension}: this measure does not tell it apart.`,
    leftLabels: (dimension: string, labels: string) =>
      `Not filtered by ${dimension}: this measure does not know ${labels}.`,
    leftSome: (dimension: string, labels: string) =>
      `Filtered by ${dimension} without ${labels}, which this measure does not know.`,
    notCompared: "Of this range alone: not compared with another period.",
    missing: (what: string) => `No measure answers this: it takes ${what}.`,
    failed: "This could not be answered.",
    words: "In the service’s words",
    away: "The server does not answer; these are the last figures it gave.",
  },

  /** What enters no number for now: the campaign's policy shows a window from so many reports on. */
  hidden: {
    all: (reports: string, least: string, more: string) =>
      `Hidden: ${reports} reports came, and a window is shown from ${least} on. ${more} more reports show the first.`,
    some: (windows: number, measure: string, reports: string, least: string, more: string) =>
      `${windows === 1 ? `1 window of ${measure} is` : `${windows} windows of ${measure} are`} hidden, with ${reports} reports: each has fewer than ${least}. ${more} more reports show the next.`,
    short: (more: string) => `Hidden: ${more} more reports show it`,
    apart: (windows: number) => (windows === 1 ? "without 1 hidden window" : `without ${windows} hidden windows`),
    column: "Hidden: reports to show it",
  },

  /** By the service's code: what to know before the numbers are read. */
  notices: {
    NO_MEASURES: "This campaign has no measure yet: its operator creates them.",
    NO_REPORTS: "No reports in this range.",
    RANGE_AHEAD: "This range lies in the future: nothing is counted there yet.",
    DELETED: "The range begins before the time for which counts are kept: what was deleted is in no number here.",
    NOT_SETTLED: "The last windows still take reports.",
    MEASURES_LEFT_OUT: "Some measures cannot be grouped or filtered so.",
    LARGEST_OF_MANY: "The largest of many: noise upwards is favoured.",
    GROSS_REACH: "Devices add up over windows and publishers: one counts once in each.",
    BUCKET_VALUES:
      "A conversion is worth what was declared for its bucket, or the bucket’s middle: the interval holds the noise, not the width of the buckets.",
    INFERRED_IS_A_BOUND: "An upper bound: bookmarks and links in documents are among these visits.",
    SUSPICIOUS_REPORTS: "Some of these reports can hardly be honest.",
    HIDDEN_WINDOWS: "Some windows are hidden: they have fewer reports than the campaign’s policy shows.",
    COST_MISSING: "No cost is declared for a part of this: what was not declared is not taken for nothing.",
    FIXED_RATIO: "A ratio that the filter alone decides is left out.",
    NO_COMMON_GROUP: "The two measures of this have no group in common.",
    STEP_MISSING: "A step is left out: no measure of the campaign tells it as asked.",
    RETURNING_DEVICES:
      "Of devices that came back: each is told in the window after. The share sheet and copied links do not say where they went, and count as not shared.",
  } as Readonly<Record<string, string>>,
  suspicious: (publisher: string, measure: string) =>
    `${publisher}: these reports of ${measure} can hardly be honest. Nothing is left out for it.`,

  /** By the reason of a refusal (spec/reporting.md §1): why there is no answer, and what to do. */
  refusals: {
    INVALID_FIELD: "The question cannot be asked so.",
    NO_SUCH_DIMENSION: "The measure does not tell this apart: take the filter or the grouping away.",
    WINDOWS_TOO_LONG: "The measure counts in longer windows: choose longer periods.",
    TOO_MANY_ROWS: "These are too many rows: choose a shorter range or longer periods.",
    NO_SUCH_CAMPAIGN: "There is no such campaign for this key.",
    NO_SUCH_MEASURE: "The campaign has no such measure.",
    NO_SUCH_LABEL: "No measure of the campaign knows what is filtered by.",
    MEASURE_MISSING: "No measure of the campaign tells this; its operator can create one.",
    COST_MISSING: "No cost is declared for this range: see the page Campaign.",
    POLICY_BROKEN: "The collector’s policy does not allow such a measure.",
    PAGES_CHANGED: "The counts changed meanwhile: ask again.",
    LIMIT_REACHED: "A limit of the collector is reached.",
  } as Readonly<Record<string, string>>,

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
    changeLow: "Change, low",
    changeHigh: "Change, high",
    reports: "Reports",
    period: "From",
    step: "Step",
    perStep: "Per step before",
    generation: "Generation",
  },

  sure: {
    yes: "Above zero",
    no: "Cannot be told from zero",
    needsShort: (reports: string) => `needs ≈ ${reports} more reports`,
    ratioNo: "Cannot be told yet",
    ratioNeeds: (reports: string) => `Cannot be told yet: about ${reports} more reports would show it`,
    atMost: (high: string) => `at most ${high}`,
    interval: (low: string, high: string) => `${low} to ${high}`,
    ninetyFive: "95 % interval",
  },

  change: {
    flatShort: "no clear change",
    points: (points: string) => `${points} points`,
    nothing: "nothing before to compare with",
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
    fixed: (names: string) => `Not shown: ${names}. The filter alone decides what they would be.`,
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
    perUnknown: (why: string, what: string) => `per ${what}: ${why}`,
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
    grows: (growth: string) => `growth ${growth}`,
    foot: "Growth: visits of a generation for each visit of the one before, with its 95 % interval.",
    growsNot: (why: string) => `growth: ${why}`,
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
    others: (parts: number) => `The rest: ${parts} that cannot be told from zero`,
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
    smallest: "Smallest share that can be seen",
    smallestNone: "No share can be seen with this traffic: take a larger ε, more windows or fewer channels.",
    share: "Expected share",
    expected: "Expected count",
    relative: "± of it",
    epsilonNeeded: "ε that would show it",
    windowsNeeded: "Windows that would show it",
    others: "Each of the others",
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
      "Each visitor’s device answers with noise before anything leaves it. These figures say at most how much a single answer gives away.",
    measure: "Measure",
    local: "To anyone",
    localAbout:
      "Local ε: even if publisher, collector and brand all worked together, one report changes the odds of any guess about its sender by at most this factor.",
    amplified: "To you",
    amplifiedAbout:
      "Seeing only totals of windows, a brand can improve its odds by at most this factor (with δ of one in a million), as long as relay and collector do not tell it more. Of a window that still counts, what comes between two readings is the crowd.",
    device: "Of one device",
    deviceAbout:
      "All that a device may say of this measure in one epoch, to anyone: as many answers as its privacy budget holds. Then it answers no more.",
    factor: (factor: string) => `× ${factor}`,
    epsilon: (epsilon: string) => `ε ${epsilon}`,
    crowd: (reports: string) => `among ${reports} reports`,
    crowdTitle: "Crowd",
    none: "Not answered",
    noneAbout:
      "Reports of devices that had nothing to say, or whose privacy budget was spent. They still report, so that silence tells nothing.",
    mechanism: "Mechanism",
    plainTitle: "In plain words",
    noise:
      "The true answer never leaves the visitor’s device. What leaves is an answer that is wrong on purpose with a known probability.",
    /** By how much one report may change the odds: words follow the number. */
    little: (factor: string) =>
      `One answer says almost nothing: a guess about its sender becomes at most × ${factor} likelier.`,
    some: (factor: string) =>
      `One answer says something, and is never proof: a guess about its sender becomes at most × ${factor} likelier.`,
    much: (factor: string) =>
      `One answer alone may say much: a guess about its sender becomes up to × ${factor} likelier. What protects it then is that nobody knows who sent it.`,
    many: "A hundred thousand answers, with the known noise taken out, say a lot: that is where each estimate and its interval come from.",
    apart:
      "The publisher’s relay sees who sends, but not what. The collector sees what, but not who. You see totals only. As long as these two do not tell each other, nobody can tie a report to a person.",
    budget: (brand: string, campaign: string, days: string) =>
      `A device spends at most ε ${campaign} on this campaign and ε ${brand} on all of yours in an epoch; a new budget begins after ${days} days at the earliest.`,
    notTitle: "What is not guaranteed",
    not: {
      event: (measures: string) =>
        `That something happened at all is not hidden from the publisher, whose page saw it: ${measures}.`,
      epochs: "Budgets of several epochs add up: over ten of them a device may say ten times as much.",
      often:
        "A device that answers several times in a window tells you as many times more. What stands under “To you” does not hold against somebody who knows or makes up the other reports, nor against the collector.",
      courtesy: (reports: string, people: string) =>
        `That windows with fewer than ${reports} reports are hidden, and that cohorts have ${people} people, is a courtesy of the collector on top of the noise; it rests on the collector, and on what was declared.`,
      people: (people: string) =>
        `That cohorts have ${people} people rests on what was declared. The campaign’s policy hides no window.`,
      truth: "That reports are true. Tokens bound how many lies there can be, and the format what each can do.",
      quantum: "What a recorded report would tell a quantum computer one day, but for its noise.",
    },
    full: "The service’s full statement",
    against: "Against",
    restsOn: "Rests on",
  },

  kinds: {
    private: "Private",
    inferred: "Perhaps private, at most",
    public: "Public",
    other: "Other ways",
  } as Readonly<Record<string, string>>,

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
