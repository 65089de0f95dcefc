curl -X POST 'http://<你的IP>:<你的端口>/<平台名称>/v1/chat/completions' \
--header 'Content-Type: application/json' \
--header 'Authorization: Bearer <你的许可证>' \
--data-raw '{
    "messages": [
        {
            "role": "system",
            "content": "你是一个专业的编程助手"
        },
        {
            "role": "user",
            "content": "什么是 JavaScript？"
        },
        {
            "role": "assistant",
            "content": "JavaScript 是一种高级编程语言..."
        },
        {
            "role": "user",
            "content": "它和 Java 有什么关系？"
        }
    ],
    "model": "<平台模型>"
}'
