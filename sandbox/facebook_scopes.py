"""Permissions of Facebook Login: which exist, what they are for, and what can be ticked for each."""

from __future__ import annotations

#: scope -> (English, Russian) of the consent dialog's line.
SCOPES = {
    "public_profile": ("Name and profile picture", "Имя и фото профиля"),
    "email": ("E-mail address", "Электронная почта"),
    "business_management": ("Manage your businesses", "Управление вашими компаниями"),
    "pages_show_list": ("Show a list of the Pages you manage", "Показ списка ваших Страниц"),
    "pages_read_engagement": ("Read content posted on the Page", "Чтение публикаций Страницы"),
    "pages_manage_metadata": ("Manage a Page's settings", "Управление настройками Страницы"),
    "pages_messaging": ("Send messages from a Page", "Сообщения от имени Страницы"),
    "ads_read": ("Read your ads and their statistics", "Чтение вашей рекламы и её статистики"),
    "ads_management": ("Manage your ads and audiences", "Управление вашей рекламой и аудиториями"),
    "read_insights": ("Read Insights of Pages and apps", "Чтение статистики Страниц и приложений"),
    "whatsapp_business_management": (
        "Manage your WhatsApp accounts",
        "Управление вашими аккаунтами WhatsApp",
    ),
    "whatsapp_business_messaging": ("Send WhatsApp messages", "Отправка сообщений WhatsApp"),
    "whatsapp_business_manage_events": ("Send events of WhatsApp chats", "Отправка событий чатов WhatsApp"),
    "catalog_management": ("Manage your product catalogs", "Управление вашими каталогами товаров"),
    "commerce_account_read_orders": ("Read orders of your shops", "Чтение заказов ваших магазинов"),
    "commerce_account_read_reports": ("Read reports of your shops", "Чтение отчётов ваших магазинов"),
    "commerce_account_read_settings": ("Read settings of your shops", "Чтение настроек ваших магазинов"),
}
#: Nobody can decline it.
BASIC = "public_profile"
#: scope -> kind of what is ticked for it; a scope without an entry holds for all.
TARGETS = {
    "business_management": "businesses",
    "pages_show_list": "pages",
    "pages_read_engagement": "pages",
    "pages_manage_metadata": "pages",
    "pages_messaging": "pages",
    "ads_read": "ad_accounts",
    "ads_management": "ad_accounts",
    "whatsapp_business_management": "wabas",
    "whatsapp_business_messaging": "wabas",
    "whatsapp_business_manage_events": "wabas",
    "catalog_management": "catalogs",
}
#: kind -> (English, Russian) heading of its ticks.
KINDS = {
    "pages": ("Pages", "Страницы"),
    "businesses": ("Businesses", "Компании"),
    "ad_accounts": ("Ad accounts", "Рекламные аккаунты"),
    "wabas": ("WhatsApp accounts", "Аккаунты WhatsApp"),
    "catalogs": ("Catalogs", "Каталоги"),
}
