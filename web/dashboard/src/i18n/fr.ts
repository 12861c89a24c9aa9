// French. Non-breaking spaces stand before : ; ? ! % and inside quotation marks, as French typography has them.

import type { Messages } from "./en.js";

export const fr: Messages = {
  language: "Français",
  product: "Tacita",
  skip: "Aller aux chiffres",
  loading: "Chargement…",
  close: "Fermer",
  copy: "Copier",
  copied: "Copié",
  unknown: "–",
  colon: " : ",

  signIn: {
    lead: "Quelle part de votre trafic direct a été partagée en privé ?",
    label: "Clé d’API de la marque",
    hint: "Elle commence par tacita_. L’opérateur de ce collecteur l’a créée pour votre marque.",
    kept: "La clé reste dans cet onglet (sessionStorage) et disparaît à sa fermeture. Elle n’est envoyée qu’à ce serveur.",
    button: "Ouvrir le tableau de bord",
    checking: "Vérification…",
    empty: "Saisissez une clé : elle commence par tacita_.",
    wrong: "Cette clé n’est pas acceptée.",
    away: "Le serveur ne répond pas.",
    leave: "Se déconnecter",
  },

  nav: {
    label: "Pages",
    overview: "Vue d’ensemble",
    contents: "Contenus",
    cohorts: "Cohortes",
    analytics: "Google Analytics",
    planner: "Planification",
    links: "Liens",
    campaign: "Campagne",
    privacy: "Confidentialité",
  },

  bar: {
    label: "Campagne, période et filtres",
    campaign: "Campagne",
    noCampaign: "Cette clé n’a pas encore de campagne. L’opérateur en crée une avec tacita admin campaign create.",
    unknownCampaign: (name) => `Cette clé ne donne accès à aucune campagne « ${name} ».`,
    range: "Période",
    last: (days) => (days === 1 ? "Aujourd’hui" : days === 365 ? "12 derniers mois" : `${days} derniers jours`),
    all: "Depuis le début",
    from: "Premier jour",
    to: "Dernier jour",
    apply: "Appliquer",
    compare: "Comparer avec",
    compareNone: "Sans comparaison",
    comparePrevious: "Période précédente",
    compareYear: "Année précédente",
    compareShort: { none: "", previous: "que la période précédente", year: "que l’année précédente" },
    lastWhole: (days) => (days === 1 ? "Hier" : days === 365 ? "12 mois entiers" : `${days} derniers jours entiers`),
    partial:
      "Cette période n’est pas finie, et celle d’à côté l’est : choisissez des jours révolus pour comparer ce qui est comparable.",
    filter: "Filtrer",
    exclude: "Exclure ceux-ci",
    clear: "Tout effacer",
    remove: (what) => `Retirer le filtre ${what}`,
    is: "est",
    isNot: "n’est pas",
    days: "Les jours sont en UTC.",
  },

  live: {
    opening: "Connexion",
    live: "En direct",
    away: "Connexion perdue, nouvel essai",
    updated: (time) => `Chiffres mis à jour à ${time}`,
  },

  theme: { label: "Couleurs", auto: "Comme le système", light: "Clair", dark: "Sombre" },
  languageLabel: "Langue",

  figure: {
    menu: (title) => `Export et détails : ${title}`,
    table: "Voir le tableau",
    tableOf: (title) => `Tableau : ${title}`,
    chart: "Voir le graphique",
    csv: "CSV",
    json: "JSON (la réponse telle quelle)",
    svg: "SVG",
    png: "PNG",
    call: "L’appel gRPC à l’origine du chiffre",
    callLead: "À coller dans un terminal. $TACITA_KEY contient votre clé ; elle n’est pas dans cette ligne.",
    about: (title) => `Qu’est-ce que c’est ? ${title}`,
    from: (measure, reports) => `Mesure ${measure} · ${reports} rapports`,
    left: (dimension) => `Non filtré par ${dimension} : cette mesure ne le distingue pas.`,
    leftLabels: (dimension, labels) => `Non filtré par ${dimension} : cette mesure ne connaît pas ${labels}.`,
    leftSome: (dimension, labels) => `Filtré par ${dimension} sans ${labels}, que cette mesure ne connaît pas.`,
    notCompared: "Sur cette seule période : sans comparaison avec une autre.",
    missing: (what) => `Aucune mesure ne répond à cette question : il faut ${what}.`,
    failed: "Impossible de répondre.",
    words: "Dans les mots du service (en anglais)",
    away: "Le serveur ne répond pas ; voici ses derniers chiffres.",
  },

  hidden: {
    all: (reports, least, more) =>
      `Masqué : ${reports} rapports sont venus, et une fenêtre se montre à partir de ${least}. Encore ${more} rapports montreront la première.`,
    some: (windows, measure, reports, least, more) =>
      `${windows === 1 ? "1 fenêtre masquée" : `${windows} fenêtres masquées`} de ${measure}, avec ${reports} rapports : chacune en a moins de ${least}. Encore ${more} rapports montreront la suivante.`,
    short: (more) => `Masqué : encore ${more} rapports le montreront`,
    apart: (windows) => (windows === 1 ? "sans 1 fenêtre masquée" : `sans ${windows} fenêtres masquées`),
    column: "Masqué : rapports pour le montrer",
  },

  notices: {
    NO_MEASURES: "Cette campagne n’a pas encore de mesure : son opérateur les crée.",
    NO_REPORTS: "Aucun rapport sur cette période.",
    RANGE_AHEAD: "Cette période est à venir : rien n’y est encore compté.",
    DELETED: "La période commence avant le temps de conservation : ce qui a été effacé n’est dans aucun nombre ici.",
    NOT_SETTLED: "Les dernières fenêtres reçoivent encore des rapports.",
    MEASURES_LEFT_OUT: "Certaines mesures ne se laissent ni grouper ni filtrer ainsi.",
    LARGEST_OF_MANY: "Les plus grands parmi beaucoup : le bruit vers le haut est favorisé.",
    GROSS_REACH: "Les appareils s’additionnent sur fenêtres et éditeurs : chacun compte une fois dans chaque.",
    BUCKET_VALUES:
      "Une conversion vaut ce qui a été déclaré pour sa tranche, ou le milieu de celle-ci : l’intervalle tient compte du bruit, non de la largeur des tranches.",
    INFERRED_IS_A_BOUND: "Une borne supérieure : des favoris et des liens dans des documents en font partie.",
    SUSPICIOUS_REPORTS: "Une partie de ces rapports ne peut guère être honnête.",
    HIDDEN_WINDOWS:
      "Des fenêtres sont masquées : elles ont moins de rapports que la règle de la campagne n’en demande.",
    COST_MISSING: "Aucun coût n’est déclaré pour une partie : ce qui n’est pas déclaré n’est pas pris pour rien.",
    FIXED_RATIO: "Un taux que le filtre décide à lui seul n’est pas affiché.",
    NO_COMMON_GROUP: "Les deux mesures n’ont aucun groupe en commun.",
    STEP_MISSING: "Une étape manque : aucune mesure de la campagne ne la donne ainsi.",
    RETURNING_DEVICES:
      "Des appareils revenus : chacun est compté dans la fenêtre suivante. Le menu de partage et les liens copiés ne disent pas où ils sont allés, et comptent comme sans partage.",
  },
  suspicious: (publisher, measure) =>
    `${publisher} : ces rapports de ${measure} ne peuvent guère être honnêtes. Rien n’est écarté pour autant.`,

  refusals: {
    INVALID_FIELD: "La question ne peut pas être posée ainsi.",
    NO_SUCH_DIMENSION: "La mesure ne distingue pas cela : retirez le filtre ou le regroupement.",
    WINDOWS_TOO_LONG: "La mesure compte par fenêtres plus longues : choisissez des périodes plus longues.",
    TOO_MANY_ROWS: "Cela fait trop de lignes : choisissez une durée plus courte ou des périodes plus longues.",
    NO_SUCH_CAMPAIGN: "Aucune campagne de ce nom pour cette clé.",
    NO_SUCH_MEASURE: "La campagne n’a pas cette mesure.",
    NO_SUCH_LABEL: "Aucune mesure de la campagne ne connaît ce qui est filtré.",
    MEASURE_MISSING: "Aucune mesure de la campagne ne le dit ; son opérateur peut en créer une.",
    COST_MISSING: "Aucun coût n’est déclaré pour cette période : voyez la page Campagne.",
    POLICY_BROKEN: "La règle du collecteur n’autorise pas une telle mesure.",
    PAGES_CHANGED: "Les comptes ont changé entre-temps : demandez à nouveau.",
    LIMIT_REACHED: "Une limite du collecteur est atteinte.",
  },

  column: {
    label: "Nom",
    value: "Estimation",
    low: "Bas (95 %)",
    high: "Haut (95 %)",
    share: "Part",
    sure: "Sûr ?",
    needed: "Rapports manquants",
    before: "Avant",
    change: "Écart",
    changeLow: "Écart, bas",
    changeHigh: "Écart, haut",
    reports: "Rapports",
    period: "Début",
    step: "Étape",
    perStep: "Par étape précédente",
    generation: "Génération",
  },

  sure: {
    yes: "Supérieur à zéro",
    no: "Indiscernable de zéro",
    needsShort: (reports) => `il faut ≈ ${reports} rapports de plus`,
    ratioNo: "Pas encore mesurable",
    ratioNeeds: (reports) => `Pas encore mesurable : environ ${reports} rapports de plus le permettraient`,
    atMost: (high) => `au plus ${high}`,
    interval: (low, high) => `${low} à ${high}`,
    ninetyFive: "Intervalle à 95 %",
  },

  change: {
    flatShort: "pas d’écart net",
    points: (points) => `${points} points`,
    nothing: "rien avant à quoi comparer",
  },

  cards: {
    label: "Chiffres clés",
    darkShare: "Partagé en privé",
    darkShareAbout:
      "Partages vers des canaux privés ÷ tous les partages faits par les boutons de la page et par copie (le « share of sharing » de RadiumOne).",
    directConfirmed: "Direct privé, prouvé",
    directConfirmedAbout:
      "Parmi les arrivées que l’analyse d’audience dit directes, celles qui portent la preuve d’un canal privé : un lien marqué, ou une application qui le dit.",
    directInferred: "Direct peut-être privé",
    directInferredAbout:
      "Parmi les arrivées dites directes, celles sur une page profonde sans aucun indice. Une borne supérieure (Madrigal), jamais ajoutée aux arrivées prouvées.",
    arrivals: "Visites",
    arrivalsAbout: "Sessions de page, toutes provenances confondues.",
    shares: "Partages",
    sharesAbout: "Liens transmis : boutons et liens de partage, copies de l’adresse.",
    conversions: "Conversions",
    conversionsAbout:
      "Conversions sur le site de la marque, attribuées au dernier lien partagé par lequel l’appareil est arrivé.",
    conversionRate: "Taux de conversion",
    conversionRateAbout: "Conversions ÷ visites.",
    arrivalsPerShare: "Visites par partage",
    arrivalsPerShareAbout: "Visites par des liens partagés ÷ partages.",
    costPerConversion: "Coût par conversion",
    costPerConversionAbout: "Coût déclaré ÷ conversions.",
    roi: "Retour sur coût",
    roiAbout: "(Valeur des conversions − coût déclaré) ÷ coût déclaré.",
    atMost: "au plus",
    fixed: (names) => `Non affiché : ${names}. Le filtre suffit à en décider.`,
  },

  channels: {
    title: "Canaux",
    about:
      "D’où l’on vient, ou vers où l’on partage. La barre est l’estimation, le trait à son bout l’intervalle à 95 % : le vrai nombre s’y trouve 19 fois sur 20.",
    private: "Privés",
    maybe: "Peut-être privés : une borne supérieure",
    public: "Publics",
    other: "Autres voies",
    click: "Cliquez sur un canal pour filtrer.",
    needs: "une mesure avec la dimension channel",
  },

  subject: { label: "Compter", arrival: "Visites", share: "Partages", conversion: "Conversions", reach: "Appareils" },

  series: {
    title: "Au fil du temps",
    about:
      "La ligne est l’estimation de chaque période, la bande son intervalle à 95 %. Une marque signale un pic : plus que le passé ne l’explique, bruit de confidentialité compris.",
    by: "Par",
    grain: { auto: "Auto", hour: "Heure", day: "Jour", week: "Semaine", month: "Mois" },
    split: "Répartir",
    splitNone: "Ensemble",
    before: "Avant",
    alert: (label, when, score) => `${label} : pic le ${when}, ${score} σ au-dessus de l’attendu`,
    needs: "une mesure de cet événement",
    keys: "Les flèches gauche et droite parcourent les périodes.",
  },

  surges: {
    title: "Pics",
    about:
      "Il en est venu plus que le passé ne l’explique, au-delà du hasard et du bruit de confidentialité. Au plus une fausse alerte en 300 jours pour chaque mesure.",
    none: "Aucun pic sur cette période.",
    what: "Quoi",
    found: "Constaté",
    came: "Venus",
    expected: "Attendus",
    score: "σ au-dessus",
    news: (label, came, what, expected, score) =>
      `Pic de ${label} : environ ${came} ${what.toLowerCase()} au lieu de ${expected} (${score} σ).`,
    look: "Voir",
  },

  funnel: {
    title: "Du partage à la conversion",
    about:
      "Combien de visites les liens partagés ont amenées, et combien de conversions ont suivi. Chaque étape a sa mesure et son intervalle.",
    shares: "Partages",
    arrivals: "Visites par liens partagés",
    conversions: "Conversions",
    per: (ratio, what) => `${ratio} par ${what}`,
    perUnknown: (why, what) => `par ${what} : ${why}`,
    measures: (names) => `Mesures ${names}`,
    perWhat: { share: "partage", arrival: "visite" },
  },

  generations: {
    title: "Jusqu’où cela voyage",
    about:
      "La génération 0 : liens partagés par quelqu’un qui n’était pas venu par l’un d’eux ; chaque repartage en ajoute une. Une croissance au-dessus de 1 se propage d’elle-même.",
    zero: "Premiers partages",
    nth: (n) => (n >= 7 ? "7ᵉ repartage et suivants" : n === 1 ? "1ᵉʳ repartage" : `${n}ᵉ repartage`),
    growth: "croissance",
    grows: (growth) => `croissance ${growth}`,
    foot: "Croissance : visites d’une génération pour chaque visite de la précédente, avec son intervalle à 95 %.",
    growsNot: (why) => `croissance : ${why}`,
    reshares: "repartages par visite",
    none: "Aucune mesure ne distingue les générations : créez-en une avec la dimension generation.",
  },

  profiles: {
    title: "Comment les appareils partagent",
    about:
      "Les appareils selon leurs partages dans la fenêtre précédente. Un appareil n’est pas une personne : qui en a deux compte deux fois, et qui a partagé depuis un autre n’est pas vu ici.",
    labels: {
      neither: "Sans partage",
      "private-only": "En privé seulement",
      "public-only": "En public seulement",
      both: "En privé et en public",
    },
  },

  contents: {
    title: "Contenus les plus partagés",
    about:
      "Parmi tous les contenus du catalogue de la mesure, ceux aux plus fortes estimations. Choisir les plus grands parmi beaucoup favorise le bruit vers le haut : lisez les intervalles.",
    categoriesTitle: "Catégories",
    categoriesAbout: "Groupes de contenus déclarés par la marque.",
    show: "Afficher",
    tail: (n) => `Hors catalogue (groupe ${n})`,
    needs: "une mesure des contenus partagés",
    compareTitle: "Deux contenus comparés",
    compareAbout: "Choisissez deux contenus : l’écart dépasse-t-il le bruit ?",
    first: "Premier",
    second: "Second",
    times: (ratio, interval) => `Le premier a été partagé ${ratio} × autant que le second (${interval}).`,
    differ: "L’écart dépasse le bruit.",
    same: "L’écart peut n’être que du bruit : 1 est dans l’intervalle.",
    choose: "Choisir",
  },

  cohorts: {
    title: "Cohortes",
    about:
      "Équipes, lettres d’information, parrainages. Une cohorte n’est jamais une personne : elle déclare sa taille, et les petites sont refusées.",
    needs: "une mesure avec la dimension cohort",
    unnamed: "Sans cohorte",
    why: "Une campagne aux nombreuses petites cohortes est refusée : aucun intervalle ne les distinguerait. La planification dit combien de trafic il faut.",
  },

  analytics: {
    title: "Ce que Google Analytics en dit, et ce que c’était",
    about: "Chaque visite sous le groupe de canaux que GA4 lui donnerait, à côté des indices que l’appareil avait.",
    groups: "Groupe de canaux GA4",
    direct: "À l’intérieur de « Direct »",
    confirmed: "partagé en privé, avec preuve",
    inferred: "page profonde sans indice : au plus cela en plus est privé",
    rest: "Ce que GA4 appelle Direct contient les deux, sans jamais le dire.",
    others: (parts) => `Le reste : ${parts} indiscernables de zéro`,
    legend: {
      private: "Partagé en privé, avec preuve",
      maybe: "Page profonde, sans indice",
      public: "Réseaux publics",
      other: "Autres voies",
    },
  },

  grade: {
    confirmed: "lien marqué",
    declared: "UTM",
    app: "navigateur d’une application",
    referrer: "site référent",
    inferred: "page profonde, sans indice",
    direct: "saisi ou en favori",
  },

  planner: {
    title: "Planification",
    about: "Avant qu’une mesure n’existe : avec ce trafic et cet ε, quelle sera la largeur de chaque intervalle ?",
    event: "Ce que l’on compte",
    apart: "Distingués par",
    labels: { channel: "Canaux distingués", cohort: "Cohortes distinguées" },
    labelsHint: {
      channel: "Un par ligne ; avec sa part attendue en pour cent si vous la connaissez : whatsapp 12",
      cohort: "Des numéros, un par ligne ou 1..40 ; avec la part attendue en pour cent si vous la connaissez : 0 70",
    },
    epsilon: "ε d’un rapport",
    epsilonHint: "De 0,1 (très privé, très bruité) à 6.",
    traffic: "Rapports par fenêtre",
    window: "Fenêtre",
    windows: "Fenêtres lues ensemble",
    windowNames: { hour: "Heure", day: "Jour", week: "Semaine" },
    smallest: "Plus petite part visible",
    smallestNone:
      "Aucune part n’est visible avec ce trafic : prenez un ε plus grand, plus de fenêtres ou moins de canaux.",
    share: "Part attendue",
    expected: "Nombre attendu",
    relative: "± en part",
    epsilonNeeded: "ε qui la montrerait",
    windowsNeeded: "Fenêtres qui la montreraient",
    others: "Chacun des autres",
    resultTitle: "Ce que dira chaque cellule",
  },

  links: {
    title: "Créateur de liens",
    about: "Un lien qui dit par quel canal et quelle cohorte il circule, et rien de qui le transmet.",
    address: "Page à partager",
    addressHint: "L’adresse complète, avec https://",
    channel: "Canal",
    cohort: "Numéro de cohorte",
    cohortHint: "0 pour aucune",
    style: "La marque se place",
    fragment: "après # (hors des journaux du serveur)",
    query: "dans la requête",
    utm: "Ajouter des paramètres UTM pour les autres outils",
    bad: "Ce n’est pas une adresse web complète : commencez par https://",
    result: "Lien",
    share: "Ouvrir le partage de l’application",
    qrAlt: "QR code du lien",
    short: "Lien court",
    shortLead: "À placer dans le fichier de liens du relais ; il répond alors à /s/CODE sans compter aucun clic isolé.",
    code: "Code",
    shortBad: "1 à 64 lettres, chiffres, traits d’union et tirets bas.",
    tag: "Ce que dit la marque",
    noCampaign: "La campagne n’a pas encore de mesure : son numéro n’est pas connu.",
  },

  declare: {
    title: "Ce que vous dites de cette campagne",
    about:
      "Seule la marque le sait. Cela reste entre le collecteur et la marque : aucun appareil, aucun éditeur ne l’apprend, et aucun rapport n’en est modifié.",
    market: "Marché",
    marketHint: "Avec vos mots : France",
    currency: "Devise",
    currencyHint: "Trois lettres, norme ISO 4217 : EUR",
    costs: "Coûts",
    costsAbout:
      "Des dépenses réparties également sur des jours, pour un canal ou toute la campagne. Le coût par conversion et le retour sur coût en découlent.",
    addCost: "Ajouter un coût",
    cost: (n) => `Coût ${n}`,
    amount: "Montant",
    whole: "Toute la campagne",
    values: "Ce que vaut une conversion",
    valuesAbout:
      "Par tranche de la mesure. Sans indication, c’est le milieu de la tranche, et le bas d’une tranche ouverte.",
    bucket: (bucket) => `Tranche ${bucket}`,
    categories: "Catégories de contenus",
    categoriesAbout:
      "Des contenus à lire ensemble : un thème, un format. Un contenu est dans une catégorie au plus ; un par ligne, comme dans le catalogue de la mesure.",
    addCategory: "Ajouter une catégorie",
    category: (n) => `Catégorie ${n}`,
    contents: "Contenus",
    webhooks: "Webhooks",
    webhooksAbout:
      "Votre serveur est averti de chaque pic au moins une fois, avec une signature à vérifier (spec/alerts.md). Cinq au plus.",
    addWebhook: "Ajouter un webhook",
    webhook: (n) => `Webhook ${n}`,
    address: "Adresse",
    secret: "Secret",
    secretHint: "Clé HMAC-SHA256, en hexadécimal. Qui la possède peut signer comme ce collecteur.",
    secretLater: "Son secret s’affichera ici après l’enregistrement.",
    reveal: "Montrer",
    hide: "Masquer",
    remove: "Retirer",
    save: "Enregistrer",
    saving: "Enregistrement…",
    saved: "Enregistré. Les chiffres en tiennent compte dès maintenant.",
    changed:
      "Quelqu’un d’autre a modifié cette déclaration entre-temps : rien n’a été enregistré. Reprenez la sienne, puis refaites vos changements.",
    reload: "Reprendre la sienne",
    refused: "Le collecteur ne l’a pas acceptée :",
    wrong: (n) => (n === 1 ? "Un champ est à corriger." : `${n} champs sont à corriger.`),
    problem: {
      currency: "Trois lettres capitales, par exemple EUR ; il en faut une pour les coûts.",
      day: "Choisissez un jour.",
      order: "Le dernier jour précède le premier.",
      amount: "Un nombre qui n’est pas négatif, par exemple 1500,50",
      value: "Un nombre, par exemple 30",
      name: "Donnez-lui un nom.",
      taken: "Une autre catégorie porte ce nom.",
      address: "Une adresse qui commence par https://",
      repeated: "Un contenu figure à deux endroits : laissez-le à un seul.",
    },
  },

  privacy: {
    title: "Ce que révèle un rapport",
    about:
      "L’appareil de chaque visiteur répond avec du bruit avant que rien ne le quitte. Ces chiffres disent ce qu’une réponse isolée trahit au plus.",
    measure: "Mesure",
    local: "À quiconque",
    localAbout:
      "ε local : même si éditeur, collecteur et marque s’alliaient, un rapport ne multiplie les chances d’une supposition sur son auteur que par ce facteur au plus.",
    amplified: "À vous",
    amplifiedAbout:
      "Ne voyant que des totaux par fenêtre, une marque n’améliore ses chances que de ce facteur au plus (à δ près, un sur un million), tant que relais et collecteur ne lui en disent pas plus. Dans une fenêtre encore ouverte, la foule est ce qui arrive entre deux lectures.",
    device: "D’un appareil",
    deviceAbout:
      "Tout ce qu’un appareil peut dire de cette mesure en une époque, à quiconque : autant de réponses que son budget de confidentialité en contient. Ensuite il ne répond plus.",
    factor: (factor) => `× ${factor}`,
    epsilon: (epsilon) => `ε ${epsilon}`,
    crowd: (reports) => `parmi ${reports} rapports`,
    crowdTitle: "Foule",
    none: "Sans réponse",
    noneAbout:
      "Rapports d’appareils qui n’avaient rien à dire, ou dont le budget de confidentialité était épuisé. Ils répondent quand même : le silence ne dit rien.",
    mechanism: "Mécanisme",
    plainTitle: "En clair",
    noise:
      "La vraie réponse ne quitte jamais l’appareil du visiteur. Ce qui part est une réponse volontairement fausse, avec une probabilité connue.",
    little: (factor) =>
      `Une réponse ne dit presque rien : une supposition sur son auteur devient au plus × ${factor} plus probable.`,
    some: (factor) =>
      `Une réponse dit quelque chose, sans jamais prouver : une supposition sur son auteur devient au plus × ${factor} plus probable.`,
    much: (factor) =>
      `Une réponse isolée peut dire beaucoup : une supposition sur son auteur devient jusqu’à × ${factor} plus probable. Ce qui la protège alors, c’est que personne ne sait qui l’a envoyée.`,
    many: "Cent mille réponses, une fois le bruit connu retiré, en disent beaucoup : c’est de là que viennent chaque estimation et son intervalle.",
    apart:
      "Le relais de l’éditeur voit qui envoie, mais pas quoi. Le collecteur voit quoi, mais pas qui. Vous ne voyez que des totaux. Tant que ces deux-là ne se parlent pas, personne ne peut rattacher un rapport à une personne.",
    budget: (brand, campaign, days) =>
      `Un appareil dépense au plus ε ${campaign} pour cette campagne et ε ${brand} pour toutes les vôtres en une époque ; un nouveau budget commence au plus tôt après ${days} jours.`,
    notTitle: "Ce qui n’est pas garanti",
    not: {
      event: (measures) =>
        `Qu’il se soit passé quelque chose n’est pas caché à l’éditeur, dont la page l’a vu : ${measures}.`,
      epochs:
        "Les budgets de plusieurs époques s’additionnent : sur dix époques, un appareil peut en dire dix fois plus.",
      often:
        "Un appareil qui répond plusieurs fois dans une fenêtre vous en dit autant de fois plus. Ce qui figure sous « À vous » ne vaut pas contre qui connaît ou invente les autres rapports, ni contre le collecteur.",
      courtesy: (reports, people) =>
        `Que les fenêtres de moins de ${reports} rapports soient masquées, et que les cohortes comptent ${people} personnes, est une courtoisie du collecteur par-dessus le bruit ; elle repose sur le collecteur et sur ce qui a été déclaré.`,
      people: (people) =>
        `Que les cohortes comptent ${people} personnes repose sur ce qui a été déclaré. La règle de la campagne ne masque aucune fenêtre.`,
      truth:
        "Que les rapports soient vrais. Les jetons bornent le nombre de mensonges, et le format ce que chacun peut faire.",
      quantum: "Ce qu’un rapport enregistré dirait un jour à un ordinateur quantique, au bruit près.",
    },
    full: "La déclaration complète du service",
    against: "Contre",
    restsOn: "Repose sur",
  },

  kinds: { private: "Privés", inferred: "Peut-être privés, au plus", public: "Publics", other: "Autres voies" },

  dimensions: {
    channel: "Canal",
    kind: "Nature",
    grade: "Indice",
    content: "Contenu",
    category: "Catégorie",
    cohort: "Cohorte",
    generation: "Génération",
    publisher: "Éditeur",
    value: "Valeur",
    profile: "Partage",
  },

  labels: {
    email: "E-mail",
    sms: "SMS",
    copy: "Adresse copiée",
    native: "Menu de partage (appli non dite)",
    direct: "Direct",
    inferred: "Page profonde, sans indice",
    search: "Recherche",
    "ai-assistant": "Assistant IA",
    newsletter: "Lettre d’information",
    campaign: "Publicité",
    referral: "Autres sites",
    unattributed: "Non attribué",
    other: "Tout le reste",
    social: "Autres réseaux",
    "instagram-direct": "Instagram Direct",
    uncategorised: "Sans catégorie",
  },
};
