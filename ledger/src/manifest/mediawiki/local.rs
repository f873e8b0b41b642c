//! What namespaces are called on a wiki of which only the name is known: by its language and by its project.
//!
//! A dump brings its own list and needs none of this. A question that names a wiki is read with these names besides the
//! common ones; a namespace that is missing here can still be asked for by its English name, which every wiki understands.
//! Written from the public interface of the wikis.

/// Names of namespaces with their numbers.
type Names = &'static [(i32, &'static [&'static str])];

/// What every wiki of a language calls the namespaces that MediaWiki itself has, by language code.
#[rustfmt::skip]
pub(super) const BY_LANGUAGE: &[(&str, Names)] = &[
    ("ar", &[(1, &["نقاش"]), (10, &["قالب"]), (11, &["نقاش القالب"]), (12, &["مساعدة"]), (15, &["نقاش التصنيف"])]),
    ("ca", &[(1, &["Discussió"]), (7, &["Fitxer Discussió"]), (10, &["Plantilla"]), (11, &["Plantilla Discussió"]), (12, &["Ajuda"]), (13, &["Ajuda Discussió"]), (15, &["Categoria Discussió"])]),
    ("cs", &[(1, &["Diskuse"]), (7, &["Diskuse k souboru"]), (10, &["Šablona"]), (11, &["Diskuse k šabloně"]), (12, &["Nápověda"]), (13, &["Diskuse k nápovědě"]), (15, &["Diskuse ke kategorii"])]),
    ("da", &[(1, &["Diskussion"]), (7, &["Fildiskussion"]), (10, &["Skabelon"]), (11, &["Skabelondiskussion"]), (12, &["Hjælp"]), (13, &["Hjælp diskussion"]), (15, &["Kategoridiskussion"])]),
    ("de", &[(1, &["Diskussion"]), (7, &["Datei Diskussion", "Bild Diskussion"]), (9, &["MediaWiki Diskussion"]), (10, &["Vorlage"]), (11, &["Vorlage Diskussion"]), (12, &["Hilfe"]), (13, &["Hilfe Diskussion"]), (15, &["Kategorie Diskussion"])]),
    ("eo", &[(1, &["Diskuto"]), (10, &["Ŝablono"]), (11, &["Ŝablona diskuto"]), (12, &["Helpo"]), (15, &["Kategoria diskuto"])]),
    ("es", &[(1, &["Discusión"]), (7, &["Archivo discusión"]), (9, &["MediaWiki discusión"]), (10, &["Plantilla"]), (11, &["Plantilla discusión"]), (12, &["Ayuda"]), (13, &["Ayuda discusión"]), (15, &["Categoría discusión"])]),
    ("fa", &[(1, &["بحث"]), (7, &["بحث پرونده"]), (10, &["الگو"]), (11, &["بحث الگو"]), (12, &["راهنما"]), (15, &["بحث رده"])]),
    ("fi", &[(1, &["Keskustelu"]), (7, &["Keskustelu tiedostosta"]), (10, &["Malline"]), (11, &["Keskustelu mallineesta"]), (12, &["Ohje"]), (13, &["Keskustelu ohjeesta"]), (15, &["Keskustelu luokasta"])]),
    ("fr", &[(1, &["Discussion"]), (7, &["Discussion fichier"]), (9, &["Discussion MediaWiki"]), (10, &["Modèle"]), (11, &["Discussion modèle"]), (12, &["Aide"]), (13, &["Discussion aide"]), (15, &["Discussion catégorie"])]),
    ("he", &[(1, &["שיחה"]), (7, &["שיחת קובץ"]), (10, &["תבנית"]), (11, &["שיחת תבנית"]), (12, &["עזרה"]), (15, &["שיחת קטגוריה"])]),
    ("hu", &[(1, &["Vita"]), (7, &["Fájlvita"]), (10, &["Sablon"]), (11, &["Sablonvita"]), (12, &["Segítség"]), (13, &["Segítségvita"]), (15, &["Kategóriavita"])]),
    ("id", &[(1, &["Pembicaraan"]), (7, &["Pembicaraan Berkas"]), (10, &["Templat"]), (11, &["Pembicaraan Templat"]), (12, &["Bantuan"]), (15, &["Pembicaraan Kategori"])]),
    ("it", &[(1, &["Discussione"]), (7, &["Discussioni file"]), (9, &["Discussioni MediaWiki"]), (11, &["Discussioni template"]), (12, &["Aiuto"]), (13, &["Discussioni aiuto"]), (15, &["Discussioni categoria"])]),
    ("ja", &[(1, &["ノート", "トーク"]), (7, &["ファイル‐ノート", "ファイル・トーク"]), (11, &["Template‐ノート"]), (13, &["Help‐ノート"]), (15, &["Category‐ノート", "カテゴリ・トーク"])]),
    ("ko", &[(1, &["토론"]), (7, &["파일토론"]), (10, &["틀"]), (11, &["틀토론"]), (12, &["도움말"]), (13, &["도움말토론"]), (15, &["분류토론"])]),
    ("nl", &[(1, &["Overleg"]), (7, &["Overleg bestand"]), (9, &["Overleg MediaWiki"]), (10, &["Sjabloon"]), (11, &["Overleg sjabloon"]), (13, &["Overleg help"]), (15, &["Overleg categorie"])]),
    ("no", &[(1, &["Diskusjon"]), (7, &["Fildiskusjon"]), (10, &["Mal"]), (11, &["Maldiskusjon"]), (12, &["Hjelp"]), (13, &["Hjelpdiskusjon"]), (15, &["Kategoridiskusjon"])]),
    ("pl", &[(1, &["Dyskusja"]), (7, &["Dyskusja pliku", "Dyskusja grafiki"]), (9, &["Dyskusja MediaWiki"]), (10, &["Szablon"]), (11, &["Dyskusja szablonu"]), (12, &["Pomoc"]), (13, &["Dyskusja pomocy"]), (15, &["Dyskusja kategorii"])]),
    ("pt", &[(1, &["Discussão"]), (7, &["Ficheiro Discussão"]), (10, &["Predefinição"]), (11, &["Predefinição Discussão"]), (12, &["Ajuda"]), (13, &["Ajuda Discussão"]), (15, &["Categoria Discussão"])]),
    ("ru", &[(1, &["Обсуждение"]), (7, &["Обсуждение файла"]), (9, &["Обсуждение MediaWiki"]), (10, &["Шаблон"]), (11, &["Обсуждение шаблона"]), (12, &["Справка"]), (13, &["Обсуждение справки"]), (15, &["Обсуждение категории"])]),
    ("sv", &[(1, &["Diskussion"]), (7, &["Fildiskussion", "Bilddiskussion"]), (10, &["Mall"]), (11, &["Malldiskussion"]), (12, &["Hjälp"]), (13, &["Hjälpdiskussion"]), (15, &["Kategoridiskussion"])]),
    ("tr", &[(1, &["Tartışma"]), (7, &["Dosya tartışma"]), (10, &["Şablon"]), (11, &["Şablon tartışma"]), (12, &["Yardım"]), (15, &["Kategori tartışma"])]),
    ("uk", &[(1, &["Обговорення"]), (7, &["Обговорення файлу"]), (10, &["Шаблон"]), (11, &["Обговорення шаблону"]), (12, &["Довідка"]), (13, &["Обговорення довідки"]), (15, &["Обговорення категорії"])]),
    ("vi", &[(1, &["Thảo luận"]), (10, &["Bản mẫu"]), (11, &["Thảo luận Bản mẫu"]), (12, &["Trợ giúp"]), (15, &["Thảo luận Thể loại"])]),
    ("zh", &[(1, &["讨论", "討論", "对话", "對話"]), (10, &["模板", "样板", "樣板"]), (11, &["模板讨论", "模板討論"]), (12, &["帮助", "幫助", "使用說明"]), (15, &["分类讨论", "分類討論"])]),
];

/// What the Wikipedia of a language calls its project and the namespaces that only it has.
#[rustfmt::skip]
pub(super) const BY_WIKIPEDIA: &[(&str, Names)] = &[
    ("ar", &[(4, &["ويكيبيديا"]), (100, &["بوابة"])]),
    ("ca", &[(4, &["Viquipèdia"]), (5, &["Viquipèdia Discussió"])]),
    ("cs", &[(4, &["Wikipedie"]), (5, &["Diskuse k Wikipedii"]), (100, &["Portál"])]),
    ("de", &[(5, &["Wikipedia Diskussion", "WD"]), (101, &["Portal Diskussion"])]),
    ("eo", &[(4, &["Vikipedio"]), (100, &["Portalo"])]),
    ("es", &[(5, &["Wikipedia discusión"]), (102, &["Wikiproyecto"]), (104, &["Anexo"]), (105, &["Anexo discusión"])]),
    ("fa", &[(4, &["ویکی‌پدیا"]), (100, &["درگاه"])]),
    ("fi", &[(100, &["Teemasivu"]), (102, &["Metasivu", "Wikiprojekti"])]),
    ("fr", &[(4, &["Wikipédia"]), (5, &["Discussion Wikipédia"]), (100, &["Portail"]), (101, &["Discussion Portail"]), (102, &["Projet"]), (103, &["Discussion Projet"]), (104, &["Référence"])]),
    ("he", &[(4, &["ויקיפדיה"]), (100, &["פורטל"])]),
    ("hu", &[(4, &["Wikipédia"]), (5, &["Wikipédia-vita"]), (100, &["Portál"])]),
    ("it", &[(5, &["Discussioni Wikipedia"]), (100, &["Portale"]), (101, &["Discussioni portale"]), (102, &["Progetto"]), (103, &["Discussioni progetto"])]),
    ("ja", &[(5, &["Wikipedia‐ノート"]), (101, &["Portal‐ノート"]), (102, &["プロジェクト"]), (103, &["プロジェクト‐ノート"])]),
    ("ko", &[(4, &["위키백과"]), (5, &["위키백과토론"]), (100, &["포털"])]),
    ("nl", &[(5, &["Overleg Wikipedia"]), (100, &["Portaal"]), (101, &["Overleg portaal"])]),
    ("pl", &[(5, &["Dyskusja Wikipedii"]), (101, &["Dyskusja portalu"]), (102, &["Wikiprojekt"])]),
    ("pt", &[(4, &["Wikipédia"]), (5, &["Wikipédia Discussão"]), (101, &["Portal Discussão"])]),
    ("ru", &[(4, &["Википедия", "ВП"]), (5, &["Обсуждение Википедии"]), (100, &["Портал"]), (101, &["Обсуждение портала"]), (102, &["Инкубатор"]), (104, &["Проект"])]),
    ("sv", &[(5, &["Wikipediadiskussion"]), (101, &["Portaldiskussion"])]),
    ("tr", &[(4, &["Vikipedi"])]),
    ("uk", &[(4, &["Вікіпедія"]), (5, &["Обговорення Вікіпедії"]), (100, &["Портал"])]),
    ("zh", &[(4, &["维基百科", "維基百科"])]),
];

/// What a project other than Wikipedia calls itself and the namespaces that its English edition or its only wiki has, by
/// the ending of the wiki's name or the whole of it.
#[rustfmt::skip]
pub(super) const BY_PROJECT: &[(&str, Names)] = &[
    ("commonswiki", &[(4, &["Commons", "COM"]), (5, &["Commons talk"]), (100, &["Creator"]), (102, &["TimedText"]), (106, &["Institution"]), (460, &["Campaign"]), (486, &["Data"])]),
    ("metawiki", &[(4, &["Meta"]), (5, &["Meta talk"])]),
    ("mediawikiwiki", &[(100, &["Manual"]), (101, &["Manual talk"]), (102, &["Extension"]), (104, &["API"]), (106, &["Skin"])]),
    ("specieswiki", &[(4, &["Wikispecies"])]),
    ("wikidatawiki", &[(4, &["Wikidata"]), (5, &["Wikidata talk"]), (120, &["Property"]), (121, &["Property talk"]), (146, &["Lexeme"]), (640, &["EntitySchema"])]),
    ("wiktionary", &[(4, &["Wiktionary", "WT"]), (5, &["Wiktionary talk"]), (100, &["Appendix"]), (106, &["Rhymes"]), (110, &["Thesaurus", "Wikisaurus"]), (114, &["Citations"]), (118, &["Reconstruction"])]),
    ("wikibooks", &[(4, &["Wikibooks"]), (5, &["Wikibooks talk"]), (102, &["Cookbook"]), (110, &["Wikijunior"])]),
    ("wikinews", &[(4, &["Wikinews"]), (5, &["Wikinews talk"]), (100, &["Portal"])]),
    ("wikiquote", &[(4, &["Wikiquote"]), (5, &["Wikiquote talk"])]),
    ("wikisource", &[(4, &["Wikisource", "WS"]), (5, &["Wikisource talk"]), (100, &["Portal"]), (102, &["Author"]), (104, &["Page"]), (106, &["Index"]), (114, &["Translation"])]),
    ("wikiversity", &[(4, &["Wikiversity"]), (5, &["Wikiversity talk"]), (100, &["School"]), (102, &["Portal"]), (104, &["Topic"])]),
    ("wikivoyage", &[(4, &["Wikivoyage"]), (5, &["Wikivoyage talk"])]),
];
